"""What people must act on, as the books and the clock show it now: one statement a kind, over all merchants at once.

Each gives one row for one cause (a connection, mostly), with how many it is about, what they come to and the oldest of
them: many refunds of one cause are one sign. Nothing of a customer is in it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.alerts import statements
from domain.alerts.rules import Thresholds
from domain.models.alerts import AlertKind
from domain.platform.database import rows
from domain.pse import registry

SUBJECTS_MAX: Final = 20
IN_DOUBT_MINUTES: Final = 30
_EXPIRING_DAYS: Final = 14
_REFUSED_WEBHOOKS_MIN: Final = 20
DOWN_SECONDS: Final = 60.0
_UNREGISTERED_MINUTES: Final = 60  # a payment may be registered a little later than its refund is told
_SHOP_DOWN_MINUTES: Final = 60  # it is asked again by itself
_HOUR_MIN: Final = 30  # refunds in an hour, below which nothing is unusual
_HOUR_TIMES: Final = 4  # as many as usual


@dataclass(frozen=True, slots=True)
class Symptom:
    """One cause, and what it is about. `place`: where; with the kind it names the alert."""

    kind: AlertKind
    merchant_id: UUID
    place: str
    count: int
    since: datetime
    connection_id: UUID | None = None
    endpoint_id: UUID | None = None
    amounts: Mapping[str, int] = field(default_factory=dict)
    subjects: Sequence[Mapping[str, str]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Of which one alert is open at a time."""
        return f"{self.kind.lower()}:{self.place}"


@dataclass(frozen=True, slots=True)
class SignQuery:
    """A statement, and what it is asked with."""

    statement: str
    values: Callable[[Thresholds], Sequence[Any]] = lambda held: ()


LOOKS: Final[Mapping[AlertKind, SignQuery]] = {
    AlertKind.REFUND_STUCK: SignQuery(
        statements.grouped(statements.STUCK), lambda held: (*_promised(), IN_DOUBT_MINUTES)
    ),
    AlertKind.DOUBT: SignQuery(statements.grouped(statements.DOUBT)),
    AlertKind.FINDING: SignQuery(statements.grouped(statements.LARGE), lambda held: held.amounts),
    AlertKind.VAT_DEADLINE: SignQuery(statements.grouped(statements.VAT)),
    AlertKind.REPORT_LATE: SignQuery(statements.grouped(statements.REPORT)),
    AlertKind.EXPIRING: SignQuery(statements.grouped(statements.EXPIRING), lambda held: (_EXPIRING_DAYS,)),
    AlertKind.INVARIANT_BROKEN: SignQuery(statements.grouped(statements.BROKEN)),
    AlertKind.APPROVAL_WAITING: SignQuery(statements.grouped(statements.WAITING), lambda held: held.hours),
    AlertKind.PSE_DOWN: SignQuery(statements.DOWN, lambda held: (DOWN_SECONDS,)),
    AlertKind.ACCESS_REFUSED: SignQuery(statements.REFUSED),
    AlertKind.BALANCE_LOW: SignQuery(statements.BALANCE, lambda held: (_paying_from_a_balance(),)),
    AlertKind.UNUSUAL_VOLUME: SignQuery(statements.VOLUME, lambda held: (_HOUR_MIN, _HOUR_TIMES)),
    AlertKind.CHANNEL_FAILING: SignQuery(statements.CHANNEL),
    AlertKind.SHOP_REFUND_WAITING: SignQuery(
        statements.grouped(statements.SHOP_REFUNDS), lambda held: (_UNREGISTERED_MINUTES,)
    ),
    AlertKind.SHOP_FAILING: SignQuery(statements.SHOPS, lambda held: (_SHOP_DOWN_MINUTES,)),
    AlertKind.WEBHOOKS_REFUSED: SignQuery(statements.FORGED, lambda held: (_REFUSED_WEBHOOKS_MIN,)),
}


async def seen(kind: AlertKind, held: Thresholds) -> list[Symptom]:
    """What there is of a kind now. For all merchants, or for the one that is asked for."""
    look = LOOKS[kind]
    return [_sign(kind, row) for row in await rows(look.statement, *look.values(held))]


def _sign(kind: AlertKind, row: Mapping[str, Any]) -> Symptom:
    return Symptom(
        kind=kind,
        merchant_id=row["merchant_id"],
        place=row["place"],
        count=int(row["count"]),
        since=row["since"],
        connection_id=row["connection_id"],
        endpoint_id=row["endpoint_id"],
        amounts={name: int(value) for name, value in (_json(row["amounts"]) or {}).items()},
        subjects=_json(row["subjects"]) or [],
        facts=_json(row["facts"]) or {},
    )


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _promised() -> tuple[list[str], list[str], list[int]]:
    """Each PSE and method of which it is published how many days the money takes."""
    told = [
        (pse, method.value, able.expected_days)
        for pse, speaks in registry.connectors().items()
        for method, able in speaks.capabilities.items()
        if able.expected_days is not None
    ]
    return [pse for pse, _, _ in told], [method for _, method, _ in told], [days for *_, days in told]


def _paying_from_a_balance() -> list[str]:
    every = registry.connectors().items()
    return [pse for pse, speaks in every if any(able.needs_balance for able in speaks.capabilities.values())]
