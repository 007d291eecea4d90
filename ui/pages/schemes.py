"""The scheme browser: groups with their rules and codes, which groups a code reaches, two schemes compared, import."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from drg.analytics.document import Column, Grid, Kind
from drg.codes.search import search
from drg.errors import InputError
from drg.payment.contract import find_contract
from drg.scheme.diff import SchemeDiff, diff
from drg.scheme.library import find_rows
from drg.scheme.mentions import CodeReach, reach_of
from drg.scheme.pack import Pack, Row, find_pack
from drg.scheme.show import GroupDescription, SetDescription, describe
from drg.scheme.words import rule_in_words
from ui import access, drill, home, schemes
from ui.access import Person
from ui.text import text
from ui.widgets import language, markup, report, scheme_import
from ui.widgets.markup import Markup, tag

BROWSE, CODES, COMPARE, IMPORT = VIEWS = ("browse", "codes", "compare", "import")
LIST_AND_GROUP = (5, 7)
MOST_HITS = 12
MOST_CHANGES = 500


def main() -> None:
    """The page."""
    person = access.enter("schemes")
    lang = language.chosen()
    report.use_styles()
    try:
        view = _show_head(person, lang)
        if view == COMPARE:
            _show_difference(lang)
        elif view == IMPORT:
            scheme_import.show(person, lang)
        else:
            pack = find_pack(_scheme("scheme", 0, lang))
            _show_pack(pack, lang)
            _show_groups(pack, lang) if view == BROWSE else _show_codes(pack, lang)
    except InputError as error:
        home.show_error(error)


def _show_head(person: Person, lang: str) -> str:
    markup.show(tag("div", text("schemes.title", lang), style="d-head"))
    offered = [one for one in VIEWS if one != IMPORT or access.may(person, "import_scheme")]
    return drill.view("schemes", offered, lang)


def _scheme(side: str, default: int, lang: str) -> str:
    """A choice among the schemes; what the library takes for it."""
    known = schemes.choices()
    chosen: str = st.selectbox(
        text(f"schemes.{side}", lang),
        list(known),
        index=min(default, len(known) - 1),
        key=f"schemes_{side}",
        format_func=lambda id: f"{id}  {schemes.name(known[id], lang)}",
    )
    return known[chosen]


def _show_pack(pack: Pack, lang: str) -> None:
    settings = pack.settings
    told = text(
        "schemes.about",
        lang,
        issued=settings.issued,
        first=settings.validity.first_day,
        last=settings.validity.last_day or "–",
        mdcs=len(pack.mdcs),
        adrgs=len(pack.adrgs),
        drgs=len(pack.drgs),
    )
    markup.show(tag("div", told, style="d-note"))


def _show_groups(pack: Pack, lang: str) -> None:
    left, right = st.columns(LIST_AND_GROUP, gap="medium")
    with left:
        _show_list(pack, lang)
    with right:
        weights = _weights(pack, lang)
        code = drill.here("group") or pack.mdcs[0].code
        described = describe(pack, code)
        if isinstance(described, GroupDescription):
            _show_group(pack, described, weights, lang)
        else:
            _show_set(described, lang)


def _show_list(pack: Pack, lang: str) -> None:
    names = {row.code: f"{row.code} {row.name}" for row in pack.mdcs}
    mdc = drill.choose(text("schemes.mdc", lang), "mdc", list(names), text("schemes.all_mdcs", lang))
    words = st.text_input(
        text("schemes.find", lang),
        key="schemes_find",
        type="search",
        live="200ms",
        placeholder=text("schemes.find_hint", lang),
    )
    adrgs = pack.adrgs_of.get(mdc, ()) if mdc else pack.adrgs
    rows = [*find_rows(pack.mdcs, words), *find_rows(adrgs, words)] if not mdc else find_rows(adrgs, words)
    if words:
        inside = {row.code for row in adrgs}
        rows += find_rows([row for row in pack.drgs if row.parent in inside], words)
    picked = report.show_grid(
        _rows_grid(rows, lang), lang, f"groups {pack.id} {mdc} {words}", selectable=True
    )
    if picked is not None and rows[picked].code != drill.here("group"):
        drill.go(group=rows[picked].code)
        st.rerun()


def _rows_grid(rows: list[Row], lang: str) -> Grid:
    table = pa.table(
        {
            "code": pa.array([row.code for row in rows], pa.string()),
            "name": pa.array([row.name for row in rows], pa.string()),
        }
    )
    columns = tuple(Column(name, text(f"schemes.column_{name}", lang)) for name in ("code", "name"))
    return Grid("", columns, table, shown=max(len(rows), 1))


def _weights(pack: Pack, lang: str) -> dict[str, float]:
    """The weights of the groups under a contract that a person chooses."""
    known = schemes.contracts(str(pack.folder))
    contract = st.selectbox(
        text("schemes.weights_of", lang),
        known,
        index=0 if known else None,
        key=f"weights {pack.id}",
        placeholder=text("schemes.no_weights", lang),
    )
    return (
        {}
        if contract is None
        else {code: float(weight) for code, weight in find_contract(contract).weights.items()}
    )


def _show_group(pack: Pack, found: GroupDescription, weights: dict[str, float], lang: str) -> None:
    row = found.row
    place = " › ".join(f"{one.code} {one.name}" for one in found.parents)
    kind = (
        text(f"schemes.kind_{found.kind}", lang) if found.kind else text(f"schemes.level_{found.level}", lang)
    )
    weight = weights.get(row.code)
    badges = [tag("span", kind, style="d-badge")]
    if weight is not None:
        badges.append(
            tag("span", text("schemes.weight", lang, weight=f"{weight:.4f}"), style="d-badge counted")
        )
    markup.show(
        tag("div", place, style="d-note"),
        tag(
            "div",
            tag("span", row.code, style="d-code"),
            " ",
            tag("span", row.name, style="d-name"),
            " ",
            *badges,
        ),
        tag("p", found.rule_in_words(lang), style="d-words"),
        tag("div", tag("code", row.text or "–"), style="d-rule"),
    )
    if found.children:
        _show_children(found, weights, lang)
    for one in found.sets:
        _show_set(one, lang)


def _show_children(found: GroupDescription, weights: dict[str, float], lang: str) -> None:
    """The rows below, in the order in which they are tried, each with its rule."""
    title = text(f"schemes.children_{found.level}", lang, count=len(found.children))
    columns = ("code", "name", "rule", *(("weight",) if found.level == "adrg" else ()))
    head = [tag("th", text(f"schemes.column_{name}", lang)) for name in columns]
    rows = []
    for child in found.children:
        weight = weights.get(child.code)
        cells = [child.code, child.name, rule_in_words(child.rule, lang)]
        if found.level == "adrg":
            cells.append("–" if weight is None else f"{weight:.4f}")
        rows.append(tag("tr", *(tag("td", cell) for cell in cells)))
    table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), style="d-table")
    markup.show(tag("h4", title, style="d-title"), tag("div", table, style="d-scroll"))


def _show_set(found: SetDescription, lang: str) -> None:
    title = text("schemes.set", lang, name=found.name, count=found.count)
    with st.expander(title, key=f"set {found.name}", on_change="rerun") as opened:
        if opened.open:
            lines = [_item(item.text, item.name, item.count, lang) for item in found.items]
            markup.show(tag("div", *lines, style="d-codes"))


def _item(code: str, name: str, count: int, lang: str) -> Markup:
    told = text("schemes.item", lang, name=name, count=count) if count > 1 else name
    return tag("div", tag("span", code, style="d-mono"), " ", told)


def _show_codes(pack: Pack, lang: str) -> None:
    words = st.text_input(
        text("schemes.code_search", lang),
        key="schemes_code",
        type="search",
        live="200ms",
        placeholder=text("schemes.code_hint", lang),
    )
    hits = search(words, None, MOST_HITS) if words and words.strip() else []
    left, right = st.columns(LIST_AND_GROUP, gap="medium")
    with left:
        table = pa.table(
            {
                "code": pa.array([hit.code for hit in hits], pa.string()),
                "name": pa.array([hit.name for hit in hits], pa.string()),
            }
        )
        columns = tuple(Column(name, text(f"schemes.column_{name}", lang)) for name in ("code", "name"))
        picked = (
            report.show_grid(Grid("", columns, table), lang, f"hits {words}", selectable=True)
            if hits
            else None
        )
    code = hits[picked or 0].code if hits else drill.here("code")
    with right:
        if code is None:
            home.show_empty("schemes.type_code")
        else:
            _show_reach(reach_of(pack, code), lang)


def _show_reach(found: CodeReach, lang: str) -> None:
    markup.show(
        tag("div", tag("span", found.code, style="d-code"), " ", tag("span", found.name, style="d-name")),
        *_complication(found, lang),
    )
    if not found.mentions:
        markup.show(tag("div", text("schemes.reaches_nothing", lang), style="d-empty"))
        return
    names: tuple[tuple[str, Kind], ...] = tuple(
        (name, "text") for name in ("level", "code", "name", "as", "set")
    )
    rows = [
        {
            "level": text(f"schemes.level_{one.level}", lang),
            "code": one.row.code,
            "name": one.row.name,
            "as": text(
                "schemes.wanted" if one.wanted else "schemes.not_wanted",
                lang,
                fields=text("schemes.or", lang).join(
                    text(f"schemes.{field.lower()}", lang) for field in one.fields
                ),
            ),
            "set": one.set_name,
        }
        for one in found.mentions
    ]
    columns = tuple(Column(name, text(f"schemes.column_{name}", lang), kind) for name, kind in names)
    schema = pa.schema([(name, pa.string()) for name, _ in names])
    grid = Grid("", columns, pa.Table.from_pylist(rows, schema), shown=len(rows))
    picked = report.show_grid(grid, lang, f"reach {found.code}", selectable=True)
    markup.show(tag("div", text("schemes.reach_note", lang), style="d-note"))
    if picked is not None:
        drill.go(view=BROWSE, group=rows[picked]["code"], mdc=None)
        st.rerun()


def _complication(found: CodeReach, lang: str) -> list[Markup]:
    if found.system != "icd10":
        return []
    level = found.complication.level if found.complication else None
    told = [
        text("schemes.complication", lang, level=level, count=found.excluded_by)
        if level
        else text("schemes.no_complication", lang)
    ]
    if found.excludes:
        told.append(text("schemes.excludes", lang, count=found.excludes))
    return [tag("p", " ".join(told), style="d-words")]


def _show_difference(lang: str) -> None:
    sides = []
    for column, (side, default) in zip(st.columns(2, gap="medium"), (("old", 0), ("new", 1)), strict=True):
        with column:
            sides.append(_scheme(side, default, lang))
    if sides[0] == sides[1]:
        home.show_empty("schemes.same")
        return
    with st.spinner(text("schemes.comparing", lang)):
        found = _difference(*sides)
    counts = pa.table({"kind": list(found.counts), "count": list(found.counts.values())})
    kinds = {kind: text(f"schemes.change_{kind}", lang) for kind in found.counts}
    columns = (
        Column("kind", text("schemes.column_change", lang)),
        Column("count", text("schemes.column_count", lang), "count"),
    )
    told = counts.set_column(0, "kind", pa.array([kinds[kind] for kind in found.counts], pa.string()))
    report.show_grid(
        Grid(text("schemes.changes", lang, count=len(found.changes)), columns, told), lang, "counts"
    )
    chosen = st.selectbox(
        text("schemes.change_kind", lang),
        list(kinds),
        format_func=lambda kind: kinds[kind],
        key="change_kind",
    )
    if chosen is None:
        return
    lines = [change.render(lang) for change in found.of(chosen)]
    listed = pa.table({"text": pa.array(lines, pa.string())})
    heading = (Column("text", kinds[chosen]),)
    report.show_grid(Grid("", heading, listed, shown=MOST_CHANGES), lang, f"changes {chosen}")


@st.cache_resource(show_spinner=False, max_entries=4)
def _difference(old: str, new: str) -> SchemeDiff:
    return diff(find_pack(old), find_pack(new))


main()
