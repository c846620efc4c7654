"""Writing a deed: in the transaction that made it true, or, of what was refused or read, in one of its own.

Nothing secret, no account and no whole tax ID goes in: `changes` are facts that the log's reader may see.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from domain.cause import Cause
from domain.platform.database import execute, remembered, rows

CHANGE: Final = "CHANGE"
READ: Final = "READ"
REFUSED: Final = "REFUSED"
DONE: Final = "DONE"
READ_AGAIN_SECONDS: Final = 900  # who reads the same within a quarter of an hour has read it once
REFUSED_AGAIN_SECONDS: Final = 3_600
_VALUE_MAX: Final = 300
_ID_MAX: Final = 100
_REMEMBERED_MAX: Final = 10_000
_log = structlog.get_logger()

_COLUMNS: Final = (
    "merchant_id, kind, operation, object_kind, object_id, actor, party, person_id, token_id, session_id, address, "
    "agent, request_id, outcome, changes"
)
_VALUES: Final = (
    "$1::uuid, $2::varchar, $3::varchar, $4::varchar, {object}, $6::varchar, $7::uuid, $8::uuid, $9::uuid, $10::uuid, "
    "$11::varchar, $12::varchar, $13::varchar, $14::varchar, $15::jsonb"
)
_WRITE: Final = f"INSERT INTO deeds ({_COLUMNS}) VALUES ({_VALUES.format(object='$5::varchar')})"  # noqa: S608 - ours
# The same of the same by the same, lately: nothing is written. How many seconds each that stands is old.
_WRITE_ONCE: Final = (
    "WITH asked AS (SELECT one.id, (SELECT max(d.occurred_at) FROM deeds d "  # noqa: S608 - ours
    "  WHERE d.merchant_id = $1 AND d.object_kind = $4 AND d.object_id = one.id AND d.kind = $2 "
    "    AND d.operation = $3 AND d.actor = $6 AND d.token_id IS NOT DISTINCT FROM $9 "
    "    AND d.session_id IS NOT DISTINCT FROM $10 "
    "    AND d.occurred_at > now() - make_interval(secs => $16::float8)) AS lately "
    "  FROM (SELECT DISTINCT unnest($5::varchar[]) AS id) AS one), "
    f"written AS (INSERT INTO deeds ({_COLUMNS}) SELECT {_VALUES.format(object='asked.id')} "
    "  FROM asked WHERE lately IS NULL) "
    "SELECT id, coalesce(extract(epoch FROM now() - lately), 0)::float8 AS age FROM asked"
)


@dataclass(frozen=True, slots=True)
class Of:
    """What something was done to, by the name of its kind (as `token`) and its id."""

    kind: str
    id: UUID | str


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """`changes` of facts as they were and as they are: those alone that differ."""
    names = {*before, *after}
    return {name: [before.get(name), after.get(name)] for name in sorted(names) if before.get(name) != after.get(name)}


async def note(
    merchant_id: UUID,
    operation: str,
    subject: Of,
    cause: Cause,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write what somebody has done, inside the caller's transaction.

    `operation` as the API's field or the command is called; `changes`: [before, after] by the name of each fact.
    """
    await execute(_WRITE, *_values(merchant_id, CHANGE, operation, subject.kind, str(subject.id), cause, DONE, changes))


async def note_reading(
    merchant_id: UUID,
    operation: str,
    subject: Of,
    cause: Cause,
    changes: Mapping[str, Any] | None,
    select: str,
    *values: Any,
) -> list[dict[str, Any]]:
    """As `note`, in one round trip with a SELECT whose values are counted from $16; gives its rows."""
    given = _values(merchant_id, CHANGE, operation, subject.kind, str(subject.id), cause, DONE, changes)
    return await rows(f"WITH noted AS ({_WRITE}) {select}", *given, *values)


async def read(merchant_id: UUID, operation: str, kind: str, ids: Sequence[UUID | str], cause: Cause) -> None:
    """Write that somebody reads these objects of a kind: once for each within READ_AGAIN_SECONDS.

    It is written before the answer goes out, and what it raises is raised: who cannot be written down reads nothing.
    """
    key = ("read", merchant_id, operation, kind, cause.actor, cause.by.token_id, cause.by.session_id)
    fresh = _fresh(key, ids, READ_AGAIN_SECONDS)
    if fresh:
        given = _values(merchant_id, READ, operation, kind, fresh, cause, DONE, None)
        found = await rows(_WRITE_ONCE, *given, float(READ_AGAIN_SECONDS))
        ages = {row["id"]: row["age"] for row in found}
        _remember(key, {one: ages[one[:_ID_MAX]] for one in fresh})


async def refused(merchant_id: UUID, operation: str, cause: Cause, code: str) -> None:
    """Write that somebody was refused: once for each operation within REFUSED_AGAIN_SECONDS, however often they try.

    A refusal stays one when it cannot be written: that is logged.
    """
    key = ("refused", merchant_id, operation, cause.actor, cause.by.token_id, cause.by.session_id)
    if not _fresh(key, [code], REFUSED_AGAIN_SECONDS):
        return
    try:
        given = _values(merchant_id, REFUSED, operation, "operation", [operation], cause, code, None)
        (found,) = await rows(_WRITE_ONCE, *given, float(REFUSED_AGAIN_SECONDS))
    except Exception as error:
        _log.error("deeds.refusal_unwritten", operation=operation, actor=cause.actor, error=str(error))
        return
    _remember(key, {code: found["age"]})


_lately: Final[dict[Any, float]] = remembered()  # when each was written, by this process's clock


def _fresh(key: tuple[Any, ...], ids: Sequence[UUID | str], seconds: float) -> list[str]:
    """Those that this process has not written lately: a flood of the same asks the database nothing."""
    now = time.monotonic()
    return [one for one in dict.fromkeys(map(str, ids)) if now - _lately.get((key, one), -seconds) >= seconds]


def _remember(key: tuple[Any, ...], ages: Mapping[str, float]) -> None:
    """From the moment of the deed, which another process may have written: its window is nobody's to lengthen."""
    if len(_lately) > _REMEMBERED_MAX:
        _lately.clear()
    for one, age in ages.items():
        _lately[(key, one)] = time.monotonic() - age


def _values(
    merchant_id: UUID,
    kind: str,
    operation: str,
    object_kind: str,
    object_id: str | Sequence[str],
    cause: Cause,
    outcome: str,
    changes: Mapping[str, Any] | None,
) -> list[Any]:
    by = cause.by
    return [
        merchant_id,
        kind,
        operation[:64],
        object_kind[:32],
        object_id[:_ID_MAX] if isinstance(object_id, str) else [one[:_ID_MAX] for one in object_id],
        cause.actor[:200],
        cause.party,
        by.person_id,
        by.token_id,
        by.session_id,
        by.address[:64] if by.address else None,
        _plain(by.agent)[:200] if by.agent else None,
        cause.request_id[:64],
        outcome[:32],
        json.dumps({name: [_short(one) for one in pair] for name, pair in (changes or {}).items()}, default=str),
    ]


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return _plain(value)[:_VALUE_MAX]
    return value


def _plain(text: str) -> str:
    """Text that PostgreSQL keeps and a terminal shows: whoever sends a header may send anything."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
