"""Numbers with units: laboratory values, vital signs, volumes, durations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drg.coding.text.annotated import Measurement
from drg.coding.text.lexicon import Item, Lexicon

MAX_NAME = 14
"""Characters of the longest name of an item that is looked for before a number."""
_NUMBER = re.compile(
    r"(?P<comparator>[<>≤≥])?\s?(?P<value>\d{1,7}(?:\.\d{1,6})?)"
    r"(?:\s?/\s?(?P<second>\d{1,3})(?:-\d{1,3})?(?=\s?mmhg))?"
    r"(?:\s?[x*]?\s?(?P<power>10\s?\^?\s?(?:9|12)\s?/\s?l)(?![a-z0-9])"
    r"|\s?(?P<unit>mmol/l|umol/l|mg/dl|g/dl|mg/l|ug/l|ng/l|g/l|iu/l|u/l|ng/ml|pg/ml|ug/ml|miu/l|uiu/ml|meq/l|mm/h"
    r"|ml/min(?:/1\.73m2)?|mmhg|kpa|次/分|bpm|kg/m2|kg|公斤|克|mg|g|cm|mm|ml|毫升|单位|小时|分钟|个月|°c|℃|%"
    r"|天|日|周|年|月|岁|秒|分|min|h|l|u|w|s|m)(?![a-z]))?"
)
_FILLER = re.compile(
    r"(?:[\s:=()\[\]/约为是达示降升至到高低于在最近共已:了由从→~-]|波动|增高|升高|降低|下降|结果|估计|间断)*$"
)
_BEFORE_NUMBER = frozenset("0123456789.^/-")
_CHANGE = re.compile(r"[\s由从]*(?:降|升|→|-+>|复查|增|[~-]\d)")
_CALENDAR = frozenset("月日")
_SLASH_ITEM = "blood_pressure"
_UNITS_ALONE = {"℃": "temperature", "°c": "temperature"}


def measurements(original: str, plain_text: str, lexicon: Lexicon) -> Iterator[Measurement]:
    """The numbers of a text that have a unit or follow the name of an item."""
    by_name = {item.name: item for item in lexicon.items.values()}
    last_end, last_item = 0, None
    for found in _NUMBER.finditer(plain_text):
        start, end = _start(found), found.end()
        is_range = bool(last_end) and plain_text[last_end:start] == "-"
        if start and plain_text[start - 1] in _BEFORE_NUMBER and start != last_end and not is_range:
            continue
        unit = _unit(found)
        window = plain_text[max(last_end, start - MAX_NAME - 10) : start]
        item = _item_before(window, lexicon)
        if item is None and last_item and _CHANGE.match(plain_text, last_end) and _only_filler(window):
            item = last_item
        if item is None:
            item = by_name.get(_SLASH_ITEM if found["second"] else _UNITS_ALONE.get(unit, ""))
        if _says_something(found, unit, item, plain_text[end : end + 1]):
            last_end, last_item = end, item
            yield _measurement(original, found, unit, item)


def _start(found: re.Match[str]) -> int:
    return found.start("comparator" if found["comparator"] else "value")


def _unit(found: re.Match[str]) -> str:
    """The written unit, without blanks; a power of ten belongs to it."""
    if found["power"]:
        return re.sub(r"\s|\^", "", found["power"]).replace("10", "10^", 1)
    return found["unit"] or ""


def _says_something(found: re.Match[str], unit: str, item: Item | None, following: str) -> bool:
    """Whether a number is a measured value, and no date, code or mere count."""
    if item is None:
        return unit != "" and unit not in _CALENDAR and not (unit == "年" and len(found["value"]) == 4)
    return unit != "" or not (item.needs_unit or _is_latin(following))


def _item_before(window: str, lexicon: Lexicon) -> Item | None:
    """The item whose name ends the text before a number, with at most some filling words between."""
    named = window[: _start_of_filler(window)]
    for length in range(min(MAX_NAME, len(named)), 0, -1):
        name = named[-length:]
        if name in lexicon.not_items:
            return None
        item = lexicon.items.get(name)
        if item is not None and not _goes_on(named, length):
            return item
    return None


def _start_of_filler(window: str) -> int:
    found = _FILLER.search(window)
    return found.start() if found else len(window)


def _is_latin(sign: str) -> bool:
    return sign.isascii() and sign.isalpha()


def _only_filler(window: str) -> bool:
    return _start_of_filler(window) == 0


def _goes_on(window: str, length: int) -> bool:
    """Whether a name in Latin letters is only the end of a longer word."""
    return (
        len(window) > length
        and window[-length].isascii()
        and window[-length - 1].isascii()
        and (window[-length - 1].isalnum() or window[-length - 1] == "-")
    )


def _measurement(original: str, found: re.Match[str], unit: str, item: Item | None) -> Measurement:
    value = float(found["value"])
    factor = item.factors.get(unit) if item else None
    if item and unit == "" and item.unit in ("1", "%"):
        factor = 1.0
    start, end = _start(found), found.end()
    known = item is not None and factor is not None
    return Measurement(
        start=start,
        end=end,
        text=original[start:end],
        item=item.name if item else "",
        value=round(value * factor, 6) if factor is not None else value,
        unit=item.unit if item is not None and known else unit,
        second=float(found["second"]) if found["second"] else None,
        comparator=found["comparator"] or "",
        low=item.low if item is not None and known else None,
        high=item.high if item is not None and known else None,
    )
