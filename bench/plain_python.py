"""The reference of the bench: the same rules evaluated by plain Python over dictionaries and sets."""

from __future__ import annotations

from typing import Any

from drg.scheme import language
from drg.scheme.language import Always, And, CodeTest, HitsTest, LengthTest, Not, Or, Rule, ScalarTest
from drg.scheme.pack import Pack
from drg.scheme.plan import make_plan

Fields = dict[str, list[str]]


def group_one(row: dict[str, Any], pack: Pack) -> str | None:
    """The group of one row of a case table (``Table.to_pylist``), for schemes without preparation switches."""
    dx, proc = row["dx"], row["proc"]
    fields: Fields = {"ZYZD": dx[:1], "QTZD": dx[1:], "ZYSS": proc[:1], "QTSS": proc[1:]}
    levels = {
        entry.level
        for code in dx[1:]
        if (entry := pack.complications.get(code))
        and dx[0] not in pack.exclusions.get(entry.exclusion_table, frozenset())
    }
    scalars = {"NL": row["age"], "XB": row["sex"], "XSRTL": row["age_days"], "XSRTZ": row["birth_weight_g"]}

    def holds(rule: Rule) -> bool:
        match rule:
            case Always(value):
                return value
            case Not(inner):
                return not holds(inner)
            case And(parts):
                return all(holds(part) for part in parts)
            case Or(parts):
                return any(holds(part) for part in parts)
            case CodeTest(names, sets):
                return any(
                    name in levels
                    if name in language.CC_LEVELS
                    else any(code in pack.sets[name] for field in names for code in fields[field])
                    for name in sets
                )
            case ScalarTest(scalar, op, number):
                return scalars[scalar] is not None and _compare(scalars[scalar], op, number)
            case LengthTest(set_name, names, op, number):
                found = {code for field in names for code in fields[field] if code in pack.sets[set_name]}
                return _compare(len(found), op, number)
            case HitsTest(names, sets, op, number):
                codes = [code for field in names for code in fields[field]]
                return _compare(sum(not pack.sets[name].isdisjoint(codes) for name in sets), op, number)

    plan = make_plan(pack)
    for mdc in plan.mdcs:
        if not holds(mdc.row.rule):
            continue
        for adrg in mdc.adrgs:
            if not holds(adrg.rule):
                continue
            if adrg.outcome is not None:
                return adrg.outcome.drg
            for drg in adrg.drgs:
                if holds(drg.row.rule):
                    return drg.outcome.drg
    return plan.no_mdc.drg


def _compare(value: float, op: str, number: float) -> bool:
    if op == "=":
        return value == number
    if op == "!=":
        return value != number
    if op == "<":
        return value < number
    if op == "<=":
        return value <= number
    return value > number if op == ">" else value >= number
