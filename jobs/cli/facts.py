"""The facts about PSEs as the command line shows them."""

import difflib
from collections.abc import Sequence

from domain.languages import LOCALES
from domain.pse import capabilities, explanations, registry
from domain.pse.capabilities import Capability, Route
from domain.pse.registry import UnknownPse
from jobs.cli.commands import CommandError


def pses() -> Sequence[tuple[str, str, str]]:
    """Name, methods, and when its report comes."""
    rows = []
    for name, wire in registry.connectors().items():
        lag = wire.report_lag_days
        report = "none is published" if lag is None else f"within {lag} days"
        report = "handed in by a person" if wire.report_by_hand else report
        rows.append((name, ", ".join(sorted(wire.capabilities)), report))
    return rows


def capabilities_of(name: str | None) -> Sequence[tuple[str, str, Capability]]:
    """PSE, method, and what it can do. Raises CommandError for a PSE that nobody knows."""
    found = [
        (pse, method.value, able)
        for pse, wire in registry.connectors().items()
        for method, able in wire.capabilities.items()
    ]
    found += [(row.pse, row.method.value, row.able) for row in capabilities.unconnected()]
    wanted = [row for row in found if name is None or row[0].lower() == name.lower()]
    if not wanted:
        known = ", ".join(sorted({row[0] for row in found}))
        raise CommandError(f"Nothing is known of {name!r}; known are {known}.")
    return wanted


def told(able: Capability) -> Sequence[str]:
    """What it can do, in sentences; the last one is the source."""
    if able.route is Route.UNSUPPORTED:
        return [able.reason or "It cannot be refunded.", able.instead or "", _source(able)]
    parts = "in full only" if not able.partial else "several partial refunds" if able.several else "one partial refund"
    window = f"{able.window.days} days from {able.window_from}" if able.window is not None else "no limit is known"
    again = "never sent again before it was looked for"
    if able.key_lifetime is not None:
        again = f"sent again with the same key for {able.key_lifetime.total_seconds() / 3600:g} hours"
    by_hand = "A person pays it by the payment instruction." if able.paid_by_hand else ""
    days = f"about {able.expected_days} days" if able.expected_days is not None else "nothing is published"
    return [
        *([able.reason] if able.reason else []),
        f"Refunds: {parts}; until: {window}; takes: {days}{'; needs balance' if able.needs_balance else ''}.",
        by_hand or f"Known by: look-up {able.look_up}, news {able.news}; {again}.",
        *([f"Pays to: {', '.join(able.destinations)}."] if able.destinations else []),
        *([f"Else: {able.instead}"] if able.instead else []),
        _source(able),
    ]


def _source(able: Capability) -> str:
    return f"Source: {able.source} ({able.as_of})"


def explained(code: str, name: str | None, locale: str) -> Sequence[str]:
    """Lines about a code, for one PSE or for all that have it. Raises CommandError."""
    if locale not in LOCALES:
        raise CommandError(f"--locale is one of {', '.join(LOCALES)}.")
    try:
        names = [registry.connector(name).name] if name else list(registry.connectors())
    except UnknownPse as error:
        raise CommandError(str(error)) from None
    lines: list[str] = []
    for pse in names:
        found = explanations.explain(pse, code)
        if found is not None:
            lines += [
                f"{pse} {code} (retry: {found.retry})",
                f"    {found.meaning[locale]}",
                f"    {found.action[locale]}",
            ]
    if not lines:
        known = {one for pse in names for one in explanations.of_pse(pse)}
        near = "".join(f"; the closest is {one}" for one in difflib.get_close_matches(code, sorted(known), n=1))
        raise CommandError(f"No PSE that Estorno speaks to is known to say {code!r}{near}.")
    return lines
