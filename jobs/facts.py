"""The facts about PSEs as the command line shows them."""

from collections.abc import Sequence

from domain.pse import capabilities, explanations, registry
from domain.pse.capabilities import Capability
from domain.pse.explanations import LOCALES
from domain.pse.registry import UnknownPse
from jobs.commands import CommandError


def pses() -> Sequence[tuple[str, str, str]]:
    """Name, methods, and when its report comes."""
    rows = []
    for name, wire in registry.connectors().items():
        lag = wire.report_lag_days
        report = "none is published" if lag is None else f"within {lag} days"
        rows.append((name, ", ".join(sorted(wire.capabilities)), report))
    return rows


def capabilities_of(name: str | None) -> Sequence[tuple[str, ...]]:
    """A row for each PSE and method. Raises CommandError for a PSE that nobody knows."""
    found = [
        (pse, method, able) for pse, wire in registry.connectors().items() for method, able in wire.capabilities.items()
    ]
    found += [(row.pse, row.method, row.able) for row in capabilities.unconnected()]
    wanted = [row for row in found if name is None or row[0].lower() == name.lower()]
    if not wanted:
        known = ", ".join(sorted({row[0] for row in found}))
        raise CommandError(f"Nothing is known of {name!r}; known are {known}.")
    return [(pse, method, *_told(able)) for pse, method, able in wanted]


def _told(able: Capability) -> tuple[str, str, str, str, str]:
    parts = (
        ("several" if able.several else "one") if able.partial else ("in full" if able.route != "UNSUPPORTED" else "")
    )
    window = f"{able.window.days} days from {able.window_from}" if able.window is not None else "no limit known"
    route = able.route if able.reason is None else f"{able.route}: {able.reason}"
    return route, parts, window, f"{able.look_up}, {able.news}", f"{able.source} ({able.as_of})"


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
        raise CommandError(f"No PSE that Estorno speaks to is known to say {code!r}.")
    return lines
