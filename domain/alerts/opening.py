"""Opening, counting and resolving: of a key one alert is open, and what is seen no longer is over."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from domain.alerts import kinds, rules, signs
from domain.alerts.rules import HeldRule
from domain.alerts.signs import Symptom
from domain.models.alerts import AlertKind
from domain.platform.database import execute, rows, transaction, unavailable

_AT_ONCE_MAX: Final = 500
_NOTHING_NEW_HOURS: Final = 24  # after which what has happened is over
_EVENTS_AT_ONCE: Final = 5_000
_COLUMNS: Final = """id uuid, merchant_id uuid, kind text, key text, connection_id uuid, endpoint_id uuid,
  severity text, count bigint, amounts jsonb, subjects jsonb, facts jsonb, since timestamptz"""
_TO_OPEN: Final = f"""INSERT INTO alerts AS a (id, merchant_id, kind, key, connection_id, endpoint_id, severity, count,
  amounts, subjects, facts, since, opened_at, last_seen_at, told_count, notices, escalated, resolved_told)
SELECT t.id, t.merchant_id, t.kind, t.key, t.connection_id, t.endpoint_id, t.severity, t.count, t.amounts, t.subjects,
  t.facts, t.since, now(), now(), 0, 0, 0, false FROM jsonb_to_recordset($1::jsonb) AS t({_COLUMNS})
ON CONFLICT (merchant_id, key) WHERE resolved_at IS NULL DO UPDATE SET last_seen_at = now(), """  # noqa: S608 - ours
_HOLD: Final = (
    _TO_OPEN
    + """count = excluded.count, amounts = excluded.amounts, subjects = excluded.subjects, facts = excluded.facts,
  since = excluded.since, severity = excluded.severity"""
)
# What has happened adds up; of what it is about the newest are kept.
_HAPPEN: Final = (
    _TO_OPEN  # noqa: S608 - ours
    + """count = a.count + excluded.count, severity = excluded.severity,
  amounts = (SELECT coalesce(jsonb_object_agg(s.currency, s.amount), '{}'::jsonb) FROM (
      SELECT e.key AS currency, sum(e.value::text::numeric) AS amount
      FROM (SELECT * FROM jsonb_each(a.amounts) UNION ALL SELECT * FROM jsonb_each(excluded.amounts)) e
      GROUP BY e.key) s),
  subjects = (SELECT coalesce(jsonb_agg(l.value ORDER BY l.n), '[]'::jsonb) FROM (
      SELECT e.value, e.n FROM jsonb_array_elements(excluded.subjects || a.subjects) WITH ORDINALITY AS e(value, n)
      LIMIT 20) l)"""
)
# What was looked for and is there no longer; what has happened ends when nothing more has, for a day.
_OVER: Final = """UPDATE alerts SET resolved_at = now() WHERE resolved_at IS NULL AND kind = $1
  AND NOT (merchant_id, key) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))"""
_OLD: Final = """UPDATE alerts SET resolved_at = now() WHERE resolved_at IS NULL AND kind = ANY($1::text[])
  AND last_seen_at < now() - make_interval(hours => $2::int)"""
_MARKS: Final = """INSERT INTO alert_marks (merchant_id, position) SELECT id, 0 FROM merchants
ON CONFLICT (merchant_id) DO NOTHING"""
# Each merchant's sealed events behind its mark, a bounded number, and how far that was.
_BEHIND: Final = """WITH behind AS (SELECT m.merchant_id, s.position, s.event_id FROM alert_marks m,
    LATERAL (SELECT position, event_id FROM event_seals WHERE merchant_id = m.merchant_id AND position > m.position
      ORDER BY position LIMIT $1) s)
SELECT b.merchant_id, max(b.position) AS position FROM behind b GROUP BY b.merchant_id"""
_HAPPENED: Final = """SELECT e.state::text AS state, r.merchant_id, r.connection_id, r.id, r.reference, r.amount,
  r.currency, e.occurred_at
FROM unnest($1::uuid[], $2::bigint[]) AS upto(merchant_id, position)
JOIN alert_marks m ON m.merchant_id = upto.merchant_id
JOIN event_seals s ON s.merchant_id = upto.merchant_id AND s.position > m.position AND s.position <= upto.position
JOIN events e ON e.id = s.event_id AND e.state IN ('FAILED', 'RETURNED') AND e.state IS DISTINCT FROM e.previous_state
JOIN refunds r ON r.id = e.refund_id
ORDER BY e.occurred_at"""
_READ_UP_TO: Final = """UPDATE alert_marks m SET position = upto.position
FROM unnest($1::uuid[], $2::bigint[]) AS upto(merchant_id, position) WHERE m.merchant_id = upto.merchant_id
  AND m.position < upto.position"""
_MOMENTS: Final[Mapping[str, AlertKind]] = {
    "FAILED": AlertKind.REFUND_FAILED,
    "RETURNED": AlertKind.REFUND_RETURNED,
}
_log = structlog.get_logger()


@dataclass(slots=True)
class _Sum:
    """What has happened at one place."""

    first: Mapping[str, Any]
    count: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    subjects: list[dict[str, str]] = field(default_factory=list)


async def look() -> int:
    """Look at everything, for all merchants; how many signs there are.

    A kind that cannot be looked at is said in the log, and its alerts stay as they are: it never holds up the others.
    """
    held = await rules.read()
    found = await happened(held)
    for kind in signs.LOOKS:
        try:
            there = await signs.seen(kind, rules.thresholds(held))
            await hold(kind, there, held)
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("alerts.unseen", kind=kind.value)
            continue
        found += len(there)
    moments = [kind.value for kind in AlertKind if kinds.known(kind).moment]
    await execute(_OLD, moments, _NOTHING_NEW_HOURS)
    return found


async def hold(kind: AlertKind, there: Sequence[Symptom], held: Mapping[UUID, Sequence[HeldRule]]) -> None:
    """Open or renew the alerts of a kind that is looked at as a whole, and resolve those of which nothing is seen."""
    async with transaction():
        await _write(_HOLD, there, held)
        await execute(_OVER, kind.value, [one.merchant_id for one in there], [one.key for one in there])


async def happened(held: Mapping[UUID, Sequence[HeldRule]]) -> int:
    """Add up what the sealed history tells behind each merchant's mark, once; how many refunds it is about."""
    count = 0
    await execute(_MARKS)
    while True:
        async with transaction():
            behind = await rows(_BEHIND, _EVENTS_AT_ONCE)
            upto = [row["merchant_id"] for row in behind], [row["position"] for row in behind]
            found = await rows(_HAPPENED, *upto) if behind else []
            await _write(_HAPPEN, _summed(found), held)
            if behind and await execute(_READ_UP_TO, *upto) != len(behind):
                raise RuntimeError("Somebody else has read this history meanwhile: it would be told twice.")
        count += len(found)
        if not behind:
            return count


def _summed(found: Iterable[Mapping[str, Any]]) -> list[Symptom]:
    sums: dict[tuple[AlertKind, UUID], _Sum] = {}
    for row in found:
        one = sums.setdefault((_MOMENTS[row["state"]], row["connection_id"]), _Sum(row))
        one.count += 1
        one.amounts[row["currency"]] = one.amounts.get(row["currency"], 0) + row["amount"]
        one.subjects.insert(0, {"kind": "refund", "id": str(row["id"]), "name": row["reference"]})
    return [
        Symptom(
            kind=kind,
            merchant_id=one.first["merchant_id"],
            place=str(connection_id),
            count=one.count,
            since=one.first["occurred_at"],
            connection_id=connection_id,
            amounts=one.amounts,
            subjects=one.subjects[: signs.SUBJECTS_MAX],
        )
        for (kind, connection_id), one in sums.items()
    ]


async def _write(statement: str, there: Sequence[Symptom], held: Mapping[UUID, Sequence[HeldRule]]) -> None:
    # Always in one order: two that open the same wait for each other, and never in a circle.
    told = sorted((one for one in there), key=lambda one: (one.merchant_id, one.key))
    for start in range(0, len(told), _AT_ONCE_MAX):
        made = [_row(one, held.get(one.merchant_id, ())) for one in told[start : start + _AT_ONCE_MAX]]
        await execute(statement, json.dumps(made, default=str))


def _row(sign: Symptom, own: Sequence[HeldRule]) -> dict[str, Any]:
    by = [rule for rule in rules.of_kind(own, sign.kind) if rule.is_about(sign.connection_id)]
    return {
        "id": uuid4(),
        "merchant_id": sign.merchant_id,
        "kind": sign.kind.value,
        "key": sign.key[:120],
        "connection_id": sign.connection_id,
        "endpoint_id": sign.endpoint_id,
        "severity": rules.severity(by, sign.kind).value,
        "count": sign.count,
        "amounts": dict(sign.amounts),
        "subjects": list(sign.subjects),
        "facts": dict(sign.facts),
        "since": sign.since,
    }
