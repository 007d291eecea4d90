"""Two coders at one case of a server that runs: every edit is in the store, or its coder was told that it is not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from claims.store import open_store, parse_address
from tests.ui.accounts_fixture import PASSWORD
from tests.ui.browser import served
from tests.ui.coders import Coder, Told, disagreements
from tests.ui.desk_fixture import QUEUE, SECOND_CODER, build_desk
from tests.ui.page_session import PageSession
from tests.ui.results_fixture import Hospital


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, filled_store: Path) -> Hospital:
    return build_desk(tmp_path_factory.mktemp("hospital"), filled_store)


@pytest.fixture
def coders(hospital: Hospital) -> Iterator[tuple[Coder, Coder]]:
    with (
        served(hospital.config) as address,
        closing(PageSession(address)) as one,
        closing(PageSession(address)) as two,
    ):
        both = Coder(one, "coder", random.Random(1)), Coder(two, SECOND_CODER, random.Random(3))
        for coder in both:
            coder.sign_in(PASSWORD)
            coder.open_case(QUEUE[0])
        yield both


def test_of_two_coders_at_one_case_none_loses_an_edit(
    coders: tuple[Coder, Coder], hospital: Hospital
) -> None:
    first, second = coders
    for coder in coders:
        coder.edit()
    assert first.codes != second.codes
    assert (first.save(), second.save()) == ("done", "stale")
    second.resolve("keep_mine")
    second.edit()
    first.edit()
    assert (second.save(), first.save()) == ("done", "stale")
    first.resolve("take_theirs")
    assert first.codes == second.codes
    first.reset()
    second.reset()
    assert (first.sign(), second.sign()) == ("done", "stale")
    told = [*first.told, *second.told]
    assert not first.wrong and not second.wrong
    with open_store(parse_address(hospital.store)) as store:
        assert disagreements(store, told) == []
        made_up = Told("coder", "save", "done", QUEUE[0], first.codes, 9)
        assert len(disagreements(store, [*told, made_up])) == 1
        assert len(disagreements(store, told[1:])) == 1
