"""Budgets, shares and growth on the command line of a settlement, and amounts in yuan."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated

import typer

from ui.cli.language import LANG, visible
from ui.text import text


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/payment.toml`` in the language of this run."""
    return text(f"payment.{key}", LANG, **params)


BudgetOption = Annotated[list[str], typer.Option("--budget", metavar="[TYPE=]FEN", help=_say("budget_help"))]
PayShareOption = Annotated[str, typer.Option("--pay-share", metavar="SHARE", help=_say("pay_share_help"))]


def budgets_of(given: list[str]) -> dict[str, int]:
    """Budgets in fen by insurance type. Raises ``typer.BadParameter``."""
    from drg.payment.settlement import ALL

    budgets: dict[str, int] = {}
    for one in given:
        kind, equals, amount = one.rpartition("=")
        kind = kind if equals else ALL
        if not amount.isascii() or not amount.isdigit() or len(amount) > 15:
            raise typer.BadParameter(_say("budget_wrong", value=visible(one)), param_hint="'--budget'")
        if kind in budgets:
            raise typer.BadParameter(_say("budget_twice", value=visible(one)), param_hint="'--budget'")
        budgets[kind] = int(amount)
    return budgets


def pay_share_of(given: str) -> Fraction:
    """A share above 0 and up to 1. Raises ``typer.BadParameter``."""
    share = _fraction(given)
    if share is None or not 0 < share <= 1:
        raise typer.BadParameter(_say("share_wrong", value=visible(given)), param_hint="'--pay-share'")
    return share


def growth_of(given: str, option: str) -> Fraction:
    """A growth between -1 (nothing is left) and 10. Raises ``typer.BadParameter``."""
    growth = _fraction(given)
    if growth is None or not -1 < growth <= 10:
        raise typer.BadParameter(_say("growth_wrong", value=visible(given)), param_hint=f"'{option}'")
    return growth


def _fraction(given: str) -> Fraction | None:
    try:
        number = Decimal(given)
        # A number such as 1e-999999999 would become a fraction that no memory holds.
        return Fraction(number) if number.is_finite() and abs(number.adjusted()) < 20 else None
    except InvalidOperation:
        return None


def yuan(fen: int) -> str:
    """Fen as yuan: ``-1,234.50``."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
