"""A connection whose PSE refuses our access: its refunds wait with a reason, and nobody knocks again and again.

It stands until the secrets are others than those that were refused, a preflight passes, or an answer shows that the PSE
takes us again. A single refusal may be about one payment, so a few in a row are needed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.connections import unheard
from domain.connections.connections import nothing_at_stake
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.refunds import schedule

CODE: Final = "KEY_REFUSED"
IN_A_ROW: Final = 5
_BECAUSE_MAX: Final = 500
_MARK: Final = (
    "UPDATE connections SET refusals = refusals + 1, "
    "  refused_since = CASE WHEN refusals + 1 >= $4 THEN coalesce(refused_since, now()) ELSE refused_since END, "
    "  refused_with = $2, refused_because = $3 WHERE id = $1 RETURNING refused_since"
)
_WAITING: Final = ("HELD", "RESTING", "UNSENT", "IN_DOUBT", "NEEDS_PERSON")  # events that say why nothing goes on


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a refund does not go on, in words, and since when (UTC)."""

    code: str | None
    message: str
    since: datetime


def stands(connection: Connection) -> bool:
    """Whether nothing is sent on the connection, because these very secrets were refused."""
    return connection.refused_since is not None and connection.refused_with == _digest(connection)


def said(connection: Connection) -> str:
    """Why its refunds wait, for support."""
    return (
        f"{connection.pse} refuses our access since {connection.refused_since:%Y-%m-%d %H:%M} UTC "
        f"({connection.refused_because}). The refund waits until the connection's preflight passes or its secrets are "
        "replaced, and then goes out by itself."
    )[:_BECAUSE_MAX]


async def count(connection: Connection, why: str) -> None:
    """An order was not taken because of our access; after a few in a row the connection is stepped around."""
    await _mark(connection, why, IN_A_ROW)


async def mark(connection: Connection, why: str) -> None:
    """The PSE refuses our access, as a preflight has seen: the connection is stepped around from now on."""
    await _mark(connection, why, 0)


async def _mark(connection: Connection, why: str, needed: int) -> None:
    digest = _digest(connection)
    if connection.refused_with not in (None, digest):
        # Other secrets were refused then: these begin anew.
        await Connection.filter(id=connection.id).update(refusals=0, refused_since=None)
    (row,) = await rows(_MARK, connection.id, digest, why[:_BECAUSE_MAX], needed)
    if row["refused_since"] is not None:
        await findings.open_finding(
            Found(
                kind=FindingKind.CONNECTION_REFUSED,
                merchant_id=connection.merchant_id,
                connection_id=connection.id,
                fingerprint=_name(connection.id),
                amount=await nothing_at_stake(connection),
                explanation=f"{connection.pse} refuses our access on {connection.name}: {why}"[:_BECAUSE_MAX],
                again=True,
            )
        )


async def lift(connection: Connection) -> None:
    """The PSE takes us (again): what waited for it goes out now."""
    if connection.refusals == 0 and connection.refused_since is None:
        return
    await Connection.filter(id=connection.id).update(
        refusals=0, refused_since=None, refused_with=None, refused_because=None
    )
    if connection.refused_since is not None:
        await findings.resolve(connection.merchant_id, _name(connection.id), "The PSE takes us again.")
        await schedule.wake(connection.id, State.REQUESTED, State.SUBMITTED, State.PENDING)
        await unheard.try_again(connection.id)


async def of_refunds(refund_ids: Sequence[UUID]) -> Mapping[UUID, Waiting]:
    """Why each of the refunds does not go on; those that do are left out."""
    found = await rows(
        "SELECT r.id, e.code, e.message, e.occurred_at FROM refunds r CROSS JOIN LATERAL ("
        "  SELECT kind, code, message, occurred_at FROM events WHERE refund_id = r.id "
        "  ORDER BY sequence DESC LIMIT 1) e "
        "WHERE r.id = ANY($1::uuid[]) AND r.state = ANY($2) AND e.kind = ANY($3) AND e.message IS NOT NULL",
        list(refund_ids),
        [State.REQUESTED.value, State.SUBMITTED.value],
        list(_WAITING),
    )
    return {row["id"]: Waiting(row["code"], row["message"], row["occurred_at"]) for row in found}


def concerns(refund: Refund) -> bool:
    """Whether the refund's next step is to be sent: what is at the PSE already is asked about all the same."""
    return refund.state is State.REQUESTED


def _digest(connection: Connection) -> str:
    return hashlib.sha256(bytes(connection.sealed_secrets)).hexdigest()


def _name(connection_id: UUID) -> str:
    return f"refused/{connection_id}"
