"""Sealing: a second behind, each merchant's events, deeds and news get a position and a hash over all that came before.

It takes only those that are older than every running transaction, so no position is ever given late: a reader that
has read position N has read everything up to N. Tamper evidence costs the hot path nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.history.events import TOLD, Happened, happened
from domain.platform import bell
from domain.platform.crash import crash_here
from domain.platform.database import execute, rows, transaction

ORIGIN: Final = "0" * 64  # what the first event of a merchant is hashed with
_AT_ONCE_MAX: Final = 2_000
_LOCK: Final = 0x7365616C
_UNSEALED_SECONDS_MAX: Final = 60
_VERSION: Final = "1"  # of the bytes that are hashed; another one is another text, never a reinterpretation
BY_WHOM: Final = 2  # the version of an event's bytes that has its party, token and session: those of 1 lack them
# The stored columns as PostgreSQL writes a row: unambiguous, and independent of any session's settings.
_COLUMNS: Final = (
    "e.id, e.merchant_id, e.refund_id, e.sequence, e.kind, e.state, e.previous_state, e.request_id, "
    "e.actor, e.code, e.message, e.detail::text, extract(epoch FROM e.occurred_at)"
)
_BEFORE: Final = f"ROW('{_VERSION}', {_COLUMNS})::text"
_BYTES: Final = f"ROW('{BY_WHOM}', {_COLUMNS}, e.party, e.token_id, e.session_id)::text"
_DEED: Final = (
    f"ROW('{_VERSION}/deed', d.id, d.merchant_id, d.kind, d.operation, d.object_kind, d.object_id, d.actor, d.party, "
    "d.person_id, d.token_id, d.session_id, d.address, d.agent, d.request_id, d.outcome, d.changes::text, "
    "extract(epoch FROM d.occurred_at))::text"
)
_NEWS: Final = (
    f"ROW('{_VERSION}/news', n.id, n.merchant_id, n.store_id, n.kind, n.subject_kind, n.subject_id, n.data::text, "
    "extract(epoch FROM n.occurred_at))::text"
)
_HERE: Final = "xact >= (SELECT {first} FROM bounds) AND {one}.xact < (SELECT oldest FROM bounds)"
_ELSEWHERE: Final = "xact >= (SELECT next FROM bounds)"


def _unsealed_of(table: str, one: str, text: str, key: str, place: int, reach: str) -> str:
    """Unsealed rows of a range of transactions. Whether one is sealed is asked of each: joined, PostgreSQL may read all
    seals that there are, every second."""
    within = reach.format(first={"d": "first_deed", "n": "first_news"}.get(one, "first"), one=one)
    return (
        f"SELECT {one}.id, {one}.merchant_id, {one}.xact, {place} AS place, {text} AS text FROM {table} {one} "  # noqa: S608
        f"WHERE {one}.{within} AND (SELECT 1 FROM event_seals s WHERE s.{key} = {one}.id) IS NULL "
        f"ORDER BY {one}.xact, {one}.id LIMIT $1"
    )


# What is unsealed and whose transaction ended before the oldest running one began, in the order of transactions:
# behind the last sealed one; where that lies in another server's life (a restored copy), all are compared once. The
# bounds are looked up first, so that the indexes on transactions are read between them. Deeds and news have a bound of
# their own: a process of a version before seals no news, or events alone, and leaves older ones behind.
READY: Final = (
    "WITH now AS (SELECT pg_snapshot_xmin(s) AS oldest, pg_snapshot_xmax(s) AS next FROM pg_current_snapshot() s), "  # noqa: S608
    "  last AS (SELECT xact FROM (SELECT s.id, coalesce((SELECT e.xact FROM events e WHERE e.id = s.event_id), "
    "      (SELECT d.xact FROM deeds d WHERE d.id = s.deed_id), "
    "      (SELECT n.xact FROM news n WHERE n.id = s.news_id)) AS xact FROM event_seals s) AS known "
    "    WHERE xact IS NOT NULL ORDER BY id DESC LIMIT 1), "
    "  last_deed AS (SELECT (SELECT d.xact FROM deeds d WHERE d.id = s.deed_id) AS xact FROM event_seals s "
    "    WHERE s.deed_id IS NOT NULL ORDER BY s.deed_id DESC LIMIT 1), "
    "  last_news AS (SELECT (SELECT n.xact FROM news n WHERE n.id = s.news_id) AS xact FROM event_seals s "
    "    WHERE s.news_id IS NOT NULL ORDER BY s.news_id DESC LIMIT 1), "
    "  bounds AS MATERIALIZED (SELECT oldest, next, "
    "    coalesce((SELECT xact FROM last WHERE xact < next), '0'::xid8) AS first, "
    "    coalesce((SELECT xact FROM last_deed WHERE xact < next), '0'::xid8) AS first_deed, "
    "    coalesce((SELECT xact FROM last_news WHERE xact < next), '0'::xid8) AS first_news FROM now), "
    f"  here AS ({_unsealed_of('events', 'e', _BYTES, 'event_id', 0, _HERE)}), "
    f"  elsewhere AS ({_unsealed_of('events', 'e', _BYTES, 'event_id', 0, _ELSEWHERE)}), "
    f"  deeds_here AS ({_unsealed_of('deeds', 'd', _DEED, 'deed_id', 1, _HERE)}), "
    f"  deeds_elsewhere AS ({_unsealed_of('deeds', 'd', _DEED, 'deed_id', 1, _ELSEWHERE)}), "
    f"  news_here AS ({_unsealed_of('news', 'n', _NEWS, 'news_id', 2, _HERE)}), "
    f"  news_elsewhere AS ({_unsealed_of('news', 'n', _NEWS, 'news_id', 2, _ELSEWHERE)}) "
    "SELECT id, merchant_id, place, text FROM (SELECT * FROM here UNION ALL SELECT * FROM elsewhere "
    "  UNION ALL SELECT * FROM deeds_here UNION ALL SELECT * FROM deeds_elsewhere "
    "  UNION ALL SELECT * FROM news_here UNION ALL SELECT * FROM news_elsewhere) AS ready "
    "ORDER BY xact, place, id LIMIT $1"
)
_CHAIN: Final = (
    "SELECT s.position, s.hash, coalesce(s.event_id, s.deed_id, s.news_id) AS subject, "  # noqa: S608
    "  CASE WHEN s.news_id IS NOT NULL THEN 'news' WHEN s.deed_id IS NOT NULL THEN 'deed' ELSE 'event' END AS what, "
    f"  CASE WHEN s.news_id IS NOT NULL THEN {_NEWS} WHEN s.deed_id IS NOT NULL THEN {_DEED} "
    f"    WHEN s.version = 1 THEN {_BEFORE} ELSE {_BYTES} END AS text, "
    "  coalesce(e.id, d.id, n.id) AS there "
    "FROM event_seals s LEFT JOIN events e ON e.id = s.event_id LEFT JOIN deeds d ON d.id = s.deed_id "
    "LEFT JOIN news n ON n.id = s.news_id "
    "WHERE s.merchant_id = $1 AND s.position > $2 ORDER BY s.position LIMIT $3"
)

# Joined, so that a batch of seals whose events were retired does not look like the end; each
# is looked up, for joined at once PostgreSQL may read all events that there are.
AFTER: Final = (
    "SELECT asked.n, e.* FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS asked (id, position, n), "  # noqa: S608
    f"LATERAL (SELECT s.position, {TOLD} FROM event_seals s, "
    "  LATERAL (SELECT * FROM events WHERE id = s.event_id LIMIT 1) AS e "
    "  WHERE s.merchant_id = asked.id AND s.position > asked.position AND s.event_id IS NOT NULL "
    "  ORDER BY s.position LIMIT $3) AS e "
    "ORDER BY asked.n, e.position"
)

# Every event, in the order of a chain that is made at once, of version 1: nothing in it says by whom.
WHOLE: Final = f"SELECT e.id, e.merchant_id, {_BEFORE} AS text FROM events e ORDER BY e.id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal of a merchant; position 0 with ORIGIN where there is none."""

    merchant_id: UUID
    position: int
    hash: str

    def told(self) -> Mapping[str, Any]:
        """As a manifest carries it."""
        return {"position": self.position, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class Tampered:
    """What does not fit the chain, and where."""

    merchant_id: UUID
    position: int
    what: str


def link(before: str, text: str) -> str:
    """The hash of one event behind another: SHA-256 over the hash before (hex) and the event's bytes."""
    return hashlib.sha256(f"{before}{text}".encode()).hexdigest()


async def seal(limit: int = _AT_ONCE_MAX) -> int:
    """Seal what is old enough, at most `limit` of all; how many. Only one process does it at a time."""
    async with transaction():
        (free,) = await rows("SELECT pg_try_advisory_xact_lock($1) AS got", _LOCK)
        if not free["got"]:
            return 0
        found = await rows(READY, limit)
        heads: dict[UUID, Head] = {}
        made: list[_Made] = []
        for row in found:
            merchant_id = row["merchant_id"]
            before = heads.get(merchant_id) or await head(merchant_id)
            after = Head(merchant_id, before.position + 1, link(before.hash, row["text"]))
            heads[merchant_id] = after
            subject = [row["id"] if row["place"] == place else None for place in range(3)]
            made.append((merchant_id, after.position, subject[0], subject[1], subject[2], after.hash))
        await _store(made)
        crash_here("seal.before_commit")
    crash_here("seal.committed")
    for merchant_id in {merchant for merchant, _, of_event, *_ in made if of_event is not None}:
        await bell.wake(bell.merchant_channel(merchant_id))
    return len(made)


_Made = tuple[UUID, int, int | None, int | None, int | None, str]  # merchant, position, event, deed, news, hash


async def _store(made: Sequence[_Made]) -> None:
    if not made:
        return
    await execute(
        "INSERT INTO event_seals (merchant_id, position, event_id, deed_id, news_id, hash, version) "
        "SELECT *, $7::smallint FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
        "  $6::varchar[])",
        *(list(column) for column in zip(*made, strict=True)),
        BY_WHOM,
    )


async def head(merchant_id: UUID) -> Head:
    """The merchant's newest seal."""
    found = await rows(
        "SELECT position, hash FROM event_seals WHERE merchant_id = $1 ORDER BY position DESC LIMIT 1", merchant_id
    )
    return Head(merchant_id, found[0]["position"], found[0]["hash"]) if found else Head(merchant_id, 0, ORIGIN)


async def after(merchant_id: UUID, position: int, *, limit: int = 200) -> list[tuple[int, Happened]]:
    """The merchant's sealed events behind `position`, in order, with their positions; at most `limit`."""
    (found,) = await after_each([(merchant_id, position)], limit)
    return found


async def after_each(pairs: Sequence[tuple[UUID, int]], limit: int) -> list[list[tuple[int, Happened]]]:
    """For each merchant and position, in one statement: the sealed events behind it, in order, with their positions.

    At most `limit` of each.
    """
    found = await rows(
        AFTER,
        [merchant_id for merchant_id, _ in pairs],
        [position for _, position in pairs],
        limit,
    )
    given: list[list[tuple[int, Happened]]] = [[] for _ in pairs]
    for row in found:
        given[row["n"] - 1].append((row["position"], happened(row)))
    return given


async def verify(heads: Sequence[Head] = ()) -> Sequence[Tampered]:
    """Everything that does not fit: edits, deletions, changed order, cut ends. `heads` were kept elsewhere.

    The heads in the nightly manifests are compared too, so a chain that was cut at its end is seen.
    """
    broken: list[Tampered] = []
    for merchant in await rows(
        "SELECT merchant_id AS id FROM event_seals UNION SELECT merchant_id FROM events "
        "UNION SELECT merchant_id FROM deeds UNION SELECT merchant_id FROM news ORDER BY 1"
    ):
        broken += await _verify_merchant(merchant["id"])
    for known in (*await _manifest_heads(), *heads):
        broken += await _verify_head(known)
    return broken


async def _verify_merchant(merchant_id: UUID) -> list[Tampered]:
    before, position = ORIGIN, 0
    while True:
        found = await rows(_CHAIN, merchant_id, position, _AT_ONCE_MAX)
        for row in found:
            fault = _fault(row, before, position)
            if fault is not None:
                return [Tampered(merchant_id, position + 1, fault)]
            before, position = row["hash"], row["position"]
        if not found:
            return await _unsealed(merchant_id, position)


def _fault(row: Mapping[str, Any], before: str, position: int) -> str | None:
    if row["position"] != position + 1:
        return f"the seal of this position is missing; the next is {row['position']}"
    name = f"{row['what']} {row['subject']}"
    if row["there"] is None:
        return f"{name} is missing"
    if link(before, row["text"]) != row["hash"]:
        return f"{name} is not what was sealed here, or not in this place"
    return None


async def _unsealed(merchant_id: UUID, position: int) -> list[Tampered]:
    (row,) = await rows(
        "SELECT (SELECT count(*) FROM events e WHERE e.merchant_id = $1 "
        "  AND e.occurred_at < now() - make_interval(secs => $2) "
        "  AND NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.event_id = e.id)) "
        "+ (SELECT count(*) FROM deeds d WHERE d.merchant_id = $1 "
        "  AND d.occurred_at < now() - make_interval(secs => $2) "
        "  AND NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.deed_id = d.id)) "
        "+ (SELECT count(*) FROM news n WHERE n.merchant_id = $1 "
        "  AND n.occurred_at < now() - make_interval(secs => $2) "
        "  AND NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.news_id = n.id)) AS n",
        merchant_id,
        _UNSEALED_SECONDS_MAX,
    )
    said = (
        f"{row['n']} events, deeds or news are older than a minute and not sealed: the chain was cut, nobody seals, or "
        "all wait"
    )
    return [Tampered(merchant_id, position + 1, said)] if row["n"] else []


async def _manifest_heads() -> list[Head]:
    found = await rows(
        "SELECT merchant_id, manifest->'chain' AS chain FROM reconciliation_runs WHERE manifest ? 'chain'"
    )
    told = [(row["merchant_id"], bell.deserialize(row["chain"].encode())) for row in found]
    return [Head(merchant_id, chain["position"], chain["hash"]) for merchant_id, chain in told]


async def _verify_head(known: Head) -> list[Tampered]:
    if known.position == 0:
        return []
    found = await rows(
        "SELECT hash FROM event_seals WHERE merchant_id = $1 AND position = $2", known.merchant_id, known.position
    )
    if found and found[0]["hash"] == known.hash:
        return []
    said = "the chain ends before this kept head" if not found else "the chain does not go through this kept head"
    return [Tampered(known.merchant_id, known.position, said)]
