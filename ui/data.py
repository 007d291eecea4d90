"""What the pages ask the library, kept where asking again would cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

import drg
from drg import records
from drg.case import Case, from_row
from drg.codes.catalogue import System, load_catalogue
from drg.codes.search import Hit, search
from drg.grouper.whatif import CodeList
from drg.scheme import pack

SAMPLE = Path(__file__).parents[1] / "data_samples" / "sample" / "plain.csv"
SYSTEM_OF: dict[CodeList, System] = {"dx": "icd10", "proc": "icd9cm3"}
MOST_HITS = 12


@dataclass(frozen=True)
class Sample:
    """The cases of the sample (``CASE_SCHEMA``), and how many of its rows are no case."""

    cases: pa.Table
    rejected_count: int


@st.cache_resource(show_spinner=False)
def sample() -> Sample:
    """The sample. Raises ``InputError`` where it cannot be read."""
    batches = list(records.read(SAMPLE).batches())
    cases = pa.concat_tables(batch.cases for batch in batches)
    return Sample(cases, sum(batch.row_count for batch in batches) - len(cases))


@st.cache_resource(show_spinner=False)
def case_list(scheme: str) -> pa.Table:
    """The sample as a person looks for it: case_id, status, drg, principal (code and name), drg_name."""
    cases = sample().cases
    grouping = drg.group(cases, scheme)
    principal = pa.array([_labelled("dx", codes[0]) for codes in cases.column("dx").to_pylist()], pa.string())
    columns = {
        name: grouping.column(name).cast(pa.string()) for name in ("case_id", "status", "drg", "drg_name")
    }
    return pa.table({**columns, "principal": principal})


def find_cases(scheme: str, text: str, status_names: dict[str, str]) -> tuple[pa.Table, list[int]]:
    """The rows of ``case_list`` that contain every word of ``text``, status as named, and their places."""
    listed = case_list(scheme)
    statuses = [status_names[status] for status in listed.column("status").to_pylist()]
    listed = listed.set_column(1, "status", pa.array(statuses, pa.string()))
    everything = pc.binary_join_element_wise(*listed.columns, " ", null_handling="replace")
    fits = pa.array([True] * len(listed))
    for word in text.split():
        fits = pc.and_(fits, pc.match_substring(everything, word, ignore_case=True))
    places = pc.indices_nonzero(fits)
    return listed.take(places), places.to_pylist()


def sample_case(place: int) -> Case:
    """The case in a row of the sample."""
    return from_row(sample().cases.slice(place, 1).to_pylist()[0])


def schemes() -> list[str]:
    """The ids of the schemes to choose from."""
    return pack.shipped_ids()


def scheme_name(scheme: str, lang: str) -> str:
    """A scheme's name in a language."""
    settings = pack.load_settings(pack.SCHEMES_FOLDER / scheme / "scheme.toml")
    return settings.name if lang == "zh" else settings.name_en


def find_codes(text: str, system: System | None) -> list[Hit]:
    """The codes that ``text`` may mean, best first."""
    return search(text, system, MOST_HITS) if text.strip() else []


def _labelled(codes: CodeList, written: str) -> str:
    catalogue = load_catalogue(SYSTEM_OF[codes])
    code = catalogue.resolve(written).code
    name = catalogue.name(code) if code else None
    return f"{code} {name}" if name else written
