"""Who did what, read: deeds and the events that people and tokens caused, as one list in the order of the chain.

A second behind, as the chain is: what is listed is sealed. What happens by itself (an answer, a webhook, a night) is in
each refund's history, and not in here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import OURS
from domain.history import seals
from domain.models import Person, Token
from domain.platform import bell
from domain.platform.counted import COUNTED_MAX, counted_rows
from domain.platform.database import rows
from domain.problems import InvalidInput

KINDS: Final = ("CHANGE", "READ", "REFUSED")
REFUND: Final = "refund"
DAYS: Final = 31  # before `until`, where nobody, no object and no `since` is named
_READINGS: Final = ("INSTRUCTION_SHOWN",)  # events that say that somebody has read
# A moment in a row is that of its transaction's begin, and none lasts so long (platform/database.BATCH).
_SLACK: Final = timedelta(hours=2)
# By whom an event was done is told where its seal covers it: of others anybody may have written it in later.
_COVERED: Final = f"s.version >= {seals.BY_WHOM}"
_EVENTS: Final = (
    "SELECT s.position, s.hash, CASE WHEN e.kind = ANY($4) THEN 'READ' ELSE 'CHANGE' END AS kind, "  # noqa: S608 - ours
    "  e.kind AS operation, 'refund' AS object_kind, e.refund_id::text AS object_id, e.actor, "
    f"  CASE WHEN {_COVERED} THEN e.party END AS party, "
    f"  CASE WHEN {_COVERED} AND e.session_id IS NOT NULL THEN e.party END AS person_id, "
    f"  CASE WHEN {_COVERED} THEN e.token_id END AS token_id, "
    f"  CASE WHEN {_COVERED} THEN e.session_id END AS session_id, NULL AS address, NULL AS agent, "
    "  e.request_id, 'DONE' AS outcome, jsonb_strip_nulls(jsonb_build_object("
    "    'state', CASE WHEN e.previous_state IS DISTINCT FROM e.state "
    "      THEN jsonb_build_array(e.previous_state, e.state) END, "
    "    'code', CASE WHEN e.code IS NOT NULL THEN jsonb_build_array(NULL, e.code) END, "
    "    'said', CASE WHEN e.message IS NOT NULL THEN jsonb_build_array(NULL, e.message) END)) AS changes, "
    "  e.occurred_at FROM {events} "
    "WHERE s.merchant_id = $1 AND e.merchant_id = $1 AND s.position > $2 AND s.position < $3 "
    f"  AND (e.actor <> ALL($5::varchar[]) OR {_COVERED} AND num_nonnulls(e.party, e.token_id, e.session_id) > 0)"
)
_JOINED: Final = "event_seals s JOIN events e ON e.id = s.event_id"
# Where nobody and nothing is named the seals are read in the list's order, and each event is looked up: PostgreSQL
# believes that hardly any is a person's, and would read all that the merchant ever had to sort out those few.
_IN_ORDER: Final = (
    "(SELECT * FROM event_seals WHERE merchant_id = $1 AND position > $2 AND position < $3 AND event_id IS NOT NULL "
    "  ORDER BY position {order} OFFSET 0) s CROSS JOIN LATERAL (SELECT * FROM events WHERE id = s.event_id OFFSET 0) e"
)
_DEEDS: Final = (
    "SELECT s.position, s.hash, d.kind, d.operation, d.object_kind, d.object_id, d.actor, d.party, d.person_id, "
    "  d.token_id, d.session_id, d.address, d.agent, d.request_id, d.outcome, d.changes, d.occurred_at "
    "FROM event_seals s JOIN deeds d ON d.id = s.deed_id "
    "WHERE s.merchant_id = $1 AND d.merchant_id = $1 AND s.position > $2 AND s.position < $3"
)
# A page is looked for among so many events first, and among all where it is not full by then.
_STEP_EVENTS: Final = 1_000
_STEP: Final = """SELECT position FROM event_seals WHERE merchant_id = $1 AND position > $2 AND position < $3
  AND event_id IS NOT NULL ORDER BY position {order} OFFSET $4 LIMIT 1"""
# The first position whose moment is not before $3, by halving up to the last ($2); one behind it: there is none.
_FIRST_SINCE: Final = """WITH RECURSIVE halves (low, high) AS (SELECT 1::bigint, $2::bigint + 1
UNION ALL SELECT CASE WHEN f.at < $3 THEN f.position + 1 ELSE h.low END,
    CASE WHEN f.at < $3 THEN h.high ELSE (h.low + h.high) / 2 END
  FROM halves h LEFT JOIN LATERAL (SELECT s.position, coalesce(
      (SELECT e.occurred_at FROM events e WHERE e.id = s.event_id),
      (SELECT d.occurred_at FROM deeds d WHERE d.id = s.deed_id),
      (SELECT n.occurred_at FROM news n WHERE n.id = s.news_id)) AS at
    FROM event_seals s WHERE s.merchant_id = $1 AND s.position >= (h.low + h.high) / 2
    ORDER BY s.position LIMIT 1) AS f ON true
  WHERE h.low < h.high)
SELECT low FROM halves WHERE low >= high LIMIT 1"""
# Moments are counted from these: those at the ends of the calendar have none before, or behind, them.
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000


@dataclass(frozen=True, slots=True)
class WantedHistory:
    """What of the log is asked for; all that is given holds at once. `until` (UTC) is excluded."""

    person_id: UUID | None = None
    token_id: UUID | None = None
    object_kind: str | None = None
    object_id: str | None = None
    kinds: Sequence[str] = KINDS
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One deed, reading or refusal, at its position of the merchant's chain; `hash` is the seal's."""

    position: int
    hash: str
    kind: str
    operation: str
    object_kind: str
    object_id: str
    actor: str
    party: UUID | None
    person_id: UUID | None
    token_id: UUID | None
    session_id: UUID | None
    address: str | None
    agent: str | None
    request_id: str
    outcome: str
    changes: Mapping[str, Any]
    occurred_at: datetime


@dataclass(slots=True)
class _Query:
    """A statement in the making: its conditions, and the values that are bound to it."""

    values: list[Any] = field(default_factory=list)
    of_events: list[str] = field(default_factory=list)
    of_deeds: list[str] = field(default_factory=list)

    def bind(self, value: Any, cast: str = "") -> str:
        self.values.append(value)
        return f"${len(self.values)}{cast}"


async def page(
    principal: Principal, wanted: WantedHistory, behind: int | None, limit: int, *, newest_first: bool = True
) -> list[LogEntry]:
    """At most `limit` entries behind a position, the newest first unless told. Raises Forbidden, InvalidInput."""
    principal.require_everywhere(Permission.READ_AUDIT)
    if wanted.object_id is not None and wanted.object_kind is None:
        raise InvalidInput("objectKind says what objectId is an id of.", path=["objectKind"])
    return await entries(principal.merchant_id, wanted, behind, limit, newest_first=newest_first)


async def entries(
    merchant_id: UUID, wanted: WantedHistory, behind: int | None, limit: int, *, newest_first: bool = True
) -> list[LogEntry]:
    """As `page`, for ourselves."""
    if any(moment and not _FIRST_YEAR <= moment.year <= _LAST_YEAR for moment in (wanted.since, wanted.until)):
        raise InvalidInput(f"The log is of {_FIRST_YEAR} to {_LAST_YEAR}.", path=["filter", "since"])
    low, high = await _bounds(merchant_id, wanted)
    if behind is not None:
        low, high = (low, min(high, behind)) if newest_first else (max(low, behind), high)
    if not _is_named(wanted):
        near = await _step(merchant_id, low, high, newest_first=newest_first)
        found = await _between(merchant_id, wanted, near, limit, newest_first=newest_first)
        if len(found) == limit or near == (low, high):
            return found
    return await _between(merchant_id, wanted, (low, high), limit, newest_first=newest_first)


async def _step(merchant_id: UUID, low: int, high: int, *, newest_first: bool) -> tuple[int, int]:
    found = await rows(_STEP.format(order="DESC" if newest_first else "ASC"), merchant_id, low, high, _STEP_EVENTS)
    if not found:
        return low, high
    end: int = found[0]["position"]
    return (end, high) if newest_first else (low, end)


async def _between(
    merchant_id: UUID, wanted: WantedHistory, positions: tuple[int, int], limit: int, *, newest_first: bool
) -> list[LogEntry]:
    """The first `limit` between two positions, both excluded."""
    query = await _query(merchant_id, wanted, *positions)
    order = f"ORDER BY position {'DESC' if newest_first else 'ASC'} LIMIT {query.bind(limit)}"
    events = f"({_with(_events(wanted, newest_first=newest_first), query.of_events)} {order})"
    deeds = f"({_with(_DEEDS, query.of_deeds)} {order})"
    found = await rows(f"{events} UNION ALL {deeds} {order}", *query.values)
    return [LogEntry(**{**row, "changes": bell.deserialize(row["changes"].encode())}) for row in found]


async def count(principal: Principal, wanted: WantedHistory, most: int = COUNTED_MAX) -> int:
    """How many entries there are; `most + 1` where there are more than `most`. Raises Forbidden, InvalidInput."""
    principal.require_everywhere(Permission.READ_AUDIT)
    query = await _query(principal.merchant_id, wanted, *await _bounds(principal.merchant_id, wanted))
    order = f"ORDER BY position DESC LIMIT {query.bind(most + 1)}"  # as a page is read, by the same indexes
    events = f"({_with(_events(wanted), query.of_events)} {order})"
    deeds = f"({_with(_DEEDS, query.of_deeds)} {order})"
    return await counted_rows(f"{events} UNION ALL {deeds} {order}", *query.values)


def _is_named(wanted: WantedHistory) -> bool:
    """Whether somebody or something is, of which hardly anything is in the log."""
    of_one = (wanted.person_id, wanted.token_id, wanted.object_id)
    return any(one is not None for one in of_one) or wanted.object_kind not in (None, REFUND)


def _events(wanted: WantedHistory, *, newest_first: bool = True) -> str:
    in_order = _IN_ORDER.format(order="DESC" if newest_first else "ASC")
    return _EVENTS.replace("{events}", _JOINED if _is_named(wanted) else in_order)


def _with(statement: str, conditions: Sequence[str]) -> str:
    return " AND ".join([statement, *conditions])


async def _query(merchant_id: UUID, wanted: WantedHistory, low: int, high: int) -> _Query:
    query = _Query([merchant_id, low, high, list(_READINGS), await _ours(merchant_id)])
    kinds = [one for one in wanted.kinds if one in KINDS]
    query.of_deeds.append(f"d.kind = ANY({query.bind(kinds, '::varchar[]')})")
    reading = query.bind([name for name in ("CHANGE", "READ") if name in kinds], "::varchar[]")
    query.of_events.append(f"CASE WHEN e.kind = ANY($4) THEN 'READ' ELSE 'CHANGE' END = ANY({reading})")
    if not {"CHANGE", "READ"} & set(kinds):
        query.of_events.append("false")  # an event is no refusal: none is looked at
    if wanted.since is not None or wanted.until is not None:
        _within(query, wanted)
    if wanted.object_kind is not None:
        _about(query, wanted)
    if wanted.person_id is not None:
        await _by_person(query, wanted.person_id)
    if wanted.token_id is not None:
        await _by_token(query, merchant_id, wanted.token_id)
    return query


async def _ours(merchant_id: UUID) -> list[str]:
    """Who writes events by themselves, but for a name that a token of the merchant has borne."""
    borne = await Token.filter(merchant_id=merchant_id, holder__in=list(OURS)).values_list("holder", flat=True)
    return sorted(OURS - set(map(str, borne)))


def _within(query: _Query, wanted: WantedHistory) -> None:
    for moment, sign in ((wanted.since, ">="), (wanted.until, "<")):
        if moment is not None:
            place = query.bind(moment)
            query.of_events.append(f"e.occurred_at {sign} {place}")
            query.of_deeds.append(f"d.occurred_at {sign} {place}")


def _about(query: _Query, wanted: WantedHistory) -> None:
    query.of_deeds.append(f"d.object_kind = {query.bind(wanted.object_kind, '::varchar')}")
    if wanted.object_kind != REFUND:
        query.of_events.append("false")
    if wanted.object_id is not None:
        place = query.bind(wanted.object_id, "::varchar")
        query.of_deeds.append(f"d.object_id = {place}")
        if wanted.object_kind == REFUND:
            query.of_events.append(f"e.refund_id = {query.bind(_uuid(wanted.object_id), '::uuid')}")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _by_person(query: _Query, person_id: UUID) -> None:
    """What they did themselves, and what was done by tokens and links that they answer for.

    Events of before have no party: a person's have their address, which is who they are for life.
    """
    person = await Person.get_or_none(id=person_id)
    who = query.bind(person_id, "::uuid")
    query.of_deeds.append(f"(d.person_id = {who} OR d.party = {who})")
    address = query.bind(person.email.lower() if person else "", "::varchar")
    named = f"right(e.actor, 1) = '>' AND lower(substring(e.actor FROM '<([^<>]+)>$')) = {address} AND e.actor <> ''"
    query.of_events.append(f"(e.party = {who} OR {named})")
    query.of_events.append(f"({_COVERED} OR {named})")


async def _by_token(query: _Query, merchant_id: UUID, token_id: UUID) -> None:
    """Another token of its name is another one, also the one that replaced it. Events of before have the name alone."""
    token = await Token.get_or_none(id=token_id, merchant_id=merchant_id)
    which = query.bind(token_id, "::uuid")
    query.of_deeds.append(f"d.token_id = {which}")
    named = f"e.actor = {query.bind(token.holder if token else '', '::varchar')}"
    query.of_events.append(f"CASE WHEN {_COVERED} THEN e.token_id = {which} ELSE {named} END")


async def _bounds(merchant_id: UUID, wanted: WantedHistory) -> tuple[int, int]:
    """The positions between which the range of time lies for certain, both excluded."""
    found = await rows("SELECT max(position) AS last FROM event_seals WHERE merchant_id = $1", merchant_id)
    last: int = found[0]["last"] or 0
    high = last + 1
    if wanted.until is not None:
        high = await _first_since(merchant_id, wanted.until + _SLACK, last)
    since = wanted.since
    if since is None and wanted.person_id is None and wanted.object_kind is None:
        end = wanted.until or (await rows("SELECT now() AS at"))[0]["at"]
        since = end - timedelta(days=DAYS)
    low = 0 if since is None else await _first_since(merchant_id, since - _SLACK, last) - 1
    return max(low, 0), high


async def _first_since(merchant_id: UUID, moment: datetime, last: int) -> int:
    """The first position whose moment is not before this one; one behind the last: there is none."""
    (found,) = await rows(_FIRST_SINCE, merchant_id, last, moment)
    return int(found["low"])
