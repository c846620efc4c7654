"""What narrows findings on the command line: the options, and the filter that the API takes."""

from typing import Annotated, Any

import typer

from jobs.cli.commands import CommandError

Kinds = Annotated[list[str] | None, typer.Option("--kind", help="As AMOUNT_MISMATCH; may be repeated.")]
Currency = Annotated[str | None, typer.Option(help="Of this currency alone.")]
Store = Annotated[str | None, typer.Option(help="Of this store alone, by its id.")]
Since = Annotated[str | None, typer.Option("--from", help="Found on this day (YYYY-MM-DD) or later.")]
Until = Annotated[str | None, typer.Option(help="Found on this day or before.")]
AtLeast = Annotated[int | None, typer.Option(min=0, help="Minor units, with --currency.")]
AtMost = Annotated[int | None, typer.Option(min=0, help="Minor units, with --currency.")]
Assignee = Annotated[str | None, typer.Option(help="me, nobody, or a person's id.")]

States = Annotated[list[str] | None, typer.Option("--state", help="OPEN, WAITING or REOPENED; may be repeated.")]
Pse = Annotated[str | None, typer.Option(help="As pix.")]


def chosen(
    kinds: list[str] | None, states: list[str] | None, pse: str | None, currency: str | None, mine: bool
) -> dict[str, Any]:
    """Of which kinds, states, PSE and currency, and whether one's own; what is not given is not there."""
    given = {
        "kinds": [one.upper() for one in kinds] if kinds else None,
        "states": [one.upper() for one in states] if states else None,
        "pses": [pse] if pse else None,
        "amount": {"currency": currency.upper()} if currency else None,
        "assignee": {"me": True} if mine else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def narrowed(
    store: str | None, since: str | None, until: str | None, amount: dict[str, Any] | None, assignee: str | None
) -> dict[str, Any]:
    """What narrows a list beside kinds; what is not given is not there."""
    given = {
        "storeIds": [store] if store else None,
        "foundFrom": since,
        "foundUntil": until,
        "amount": amount,
        "assignee": _assigned(assignee) if assignee else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _assigned(who: str) -> dict[str, Any]:
    return {who: True} if who in ("me", "nobody") else {"personId": who}


def amount_of(currency: str | None, at_least: int | None, at_most: int | None) -> dict[str, Any] | None:
    """From how much to how much; None where neither is given. Raises CommandError."""
    if at_least is None and at_most is None:
        return None
    if currency is None:
        raise CommandError("--at-least and --at-most go with --currency.")
    told = {"atLeast": at_least, "atMost": at_most}
    return {"currency": currency.upper(), **{name: str(one) for name, one in told.items() if one is not None}}
