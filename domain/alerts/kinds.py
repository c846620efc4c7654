"""The kinds of alert, and of each: how grave it is, whether it is of a moment, and what people read (kinds.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from domain.models.alerts import AlertKind, Severity

# How often it is said again until somebody has acknowledged it; what is of the digest is never said by itself.
REPEATED: Final[Mapping[Severity, timedelta]] = {
    Severity.CRITICAL: timedelta(minutes=30),
    Severity.WARNING: timedelta(hours=4),
}
ESCALATED: Final = (timedelta(minutes=15), timedelta(minutes=45))  # a critical one: to the next, to the last
# Whatever waits only because of the one is not told while that one is open on the same connection.
INHIBITED_BY: Final[Mapping[AlertKind, frozenset[AlertKind]]] = {
    AlertKind.REFUND_STUCK: frozenset({AlertKind.PSE_DOWN, AlertKind.ACCESS_REFUSED}),
    AlertKind.PSE_DOWN: frozenset({AlertKind.ACCESS_REFUSED}),
}
WEIGHT: Final[Mapping[Severity, int]] = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """Of one kind. `moment`: it counts what has happened, so that it never "holds"; the words are by locale."""

    severity: Severity
    runbook: str
    moment: bool
    title: Mapping[str, str]
    says: Mapping[str, str]
    action: Mapping[str, str]


def known(kind: AlertKind) -> KnownAlert:
    """What is known of a kind."""
    return table()[kind]


@lru_cache(maxsize=1)
def table() -> Mapping[AlertKind, KnownAlert]:
    """Every kind. Raises KeyError where one has no words: a bug of ours."""
    with Path(__file__).with_name("kinds.toml").open("rb") as file:
        told = tomllib.load(file)
    return {
        kind: KnownAlert(
            Severity(told[kind]["severity"]),
            told[kind]["runbook"],
            told[kind].get("moment", False),
            told[kind]["title"],
            told[kind]["says"],
            told[kind]["action"],
        )
        for kind in AlertKind
    }
