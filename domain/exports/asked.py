"""Exports as rows: who asks for what of which stores, how far it is, until when its file is there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Reach
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content
from domain.findings.kinds import FindingKind
from domain.findings.search import State as FindingState
from domain.findings.search import Wanted as WantedFindings
from domain.models import Export
from domain.platform import bell, idempotency
from domain.platform.database import execute, rows, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput, RateLimited

CREATE: Final = "exportCreate"
OBJECT: Final = "export"
LIFETIME: Final = timedelta(days=7)
LEASE_SECONDS: Final = 600.0  # each page renews it
TRIES_MAX: Final = 5
_WAITING_MAX: Final = 20  # of one merchant
_PROBLEM_MAX: Final = 500
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_BEGIN: Final = """UPDATE exports SET state = 'RUNNING', tries = tries + 1, rows_done = 0,
  due_at = now() + make_interval(secs => $2::float8)
WHERE id = $1 AND state IN ('QUEUED', 'RUNNING') AND due_at <= now()"""
_FAR: Final = """UPDATE exports SET rows_done = $3, rows_total = $4, due_at = now() + make_interval(secs => $5::float8)
WHERE id = $1 AND state = 'RUNNING' AND tries = $2"""
_FAIL: Final = """UPDATE exports SET state = 'FAILED', problem = $2, due_at = NULL, ended_at = now()
WHERE id = $1 AND state IN ('QUEUED', 'RUNNING')"""
_AGAIN: Final = """UPDATE exports SET state = 'QUEUED', due_at = now() + make_interval(secs => 30 * tries)
WHERE id = $1 AND state = 'RUNNING'"""
_EXPIRED: Final = "UPDATE exports SET state = 'EXPIRED' WHERE id = $1 AND state = 'DONE'"
_OVER: Final = (
    "SELECT id, file_id FROM exports WHERE state = 'DONE' AND expires_at <= now() ORDER BY expires_at LIMIT 500"
)


class Kind(StrEnum):
    """What is exported."""

    FINDINGS = "FINDINGS"
    REFUNDS = "REFUNDS"
    PAYMENTS = "PAYMENTS"
    LEDGER = "LEDGER"
    VAT = "VAT"
    TRIAL_BALANCE = "TRIAL_BALANCE"


class Format(StrEnum):
    """As what."""

    XLSX = "XLSX"
    CSV = "CSV"
    PARQUET = "PARQUET"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which rows; all that are given hold at once. Days are in the merchant's zone and both included.

    `findings` narrows FINDINGS, and nothing else does; the others narrow all other kinds.
    """

    since: date | None = None
    until: date | None = None
    connection: UUID | None = None
    store: UUID | None = None
    currency: str | None = None
    findings: WantedFindings | None = None

    def told(self) -> dict[str, Any]:
        """As it is kept, and shown: JSON of what is given."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "findings"}
        found = {name: str(value) for name, value in given.items() if value is not None}
        return found if self.findings is None else {**found, "findings": _told(self.findings)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Wanted":
        """What `told` has written."""
        days: dict[str, Any] = {name: date.fromisoformat(told[name]) for name in ("since", "until") if name in told}
        ids: dict[str, Any] = {name: UUID(told[name]) for name in ("connection", "store") if name in told}
        findings = _findings_of(told["findings"]) if "findings" in told else None
        return cls(**days, **ids, currency=told.get("currency"), findings=findings)


def _told(wanted: WantedFindings) -> dict[str, Any]:
    return {
        name: [str(one) for one in value] if isinstance(value, list) else value if _plain(value) else str(value)
        for name, value in asdict(wanted).items()
        if value is not None and value is not False
    }


def _plain(value: object) -> bool:
    return isinstance(value, int | bool)


def _findings_of(told: Mapping[str, Any]) -> WantedFindings:
    given: dict[str, Any] = dict(told)
    for name, read in _READ.items():
        if name in given:
            value = given[name]
            given[name] = [read(one) for one in value] if isinstance(value, list) else read(value)
    return WantedFindings(**given)


_READ: Final[Mapping[str, Any]] = {
    "kinds": FindingKind,
    "states": FindingState,
    "connections": UUID,
    "stores": UUID,
    "found_from": date.fromisoformat,
    "found_until": date.fromisoformat,
    "assignee": UUID,
    "due_before": datetime.fromisoformat,
    "payment": UUID,
    "refund": UUID,
}


def readable(principal: Principal) -> QuerySet[Export]:
    """Those that somebody may see: who reads all stores sees all, others what they asked for. Raises Forbidden."""
    scope = principal.scope(Permission.READ_LEDGER)
    found = Export.filter(merchant_id=scope.merchant_id)
    return found if scope.is_whole else found.filter(Q(party=principal.party))


async def create(principal: Principal, kind: Kind, format_: Format, wanted: Wanted, key: str, cause: Cause) -> Export:
    """Ask for an export of what the asker may read; it has its turn as a job.

    Raises Forbidden, InvalidInput, RateLimited, IdempotencyConflict.
    """
    scope = principal.scope(Permission.READ_LEDGER)
    _check(kind, wanted)
    stores = None if scope.stores is None else sorted(str(one) for one in scope.stores)
    told, row_id = wanted.told(), uuid4()
    async with transaction():
        values = {"kind": kind.value, "format": format_.value, "wanted": told}
        stored = await idempotency.claim(principal.merchant_id, CREATE, key, values, row_id, cause)
        if stored is None:
            await _check_waiting(principal.merchant_id)
            await Export.create(
                id=row_id,
                merchant_id=principal.merchant_id,
                kind=kind.value,
                format=format_.value,
                wanted=told,
                store_ids=stores,
                state="QUEUED",
                due_at=datetime.now(UTC),
                created_by=principal.holder[:200],
                party=principal.party,
            )
            facts = {**values, "stores": stores}
            await deeds.note(principal.merchant_id, CREATE, Of(OBJECT, row_id), cause, deeds.changed({}, facts))
    await bell.ring(bell.EXPORT, stored or row_id, queue=bell.BATCH_QUEUE)
    return await Export.get(id=stored or row_id)


def _check(kind: Kind, wanted: Wanted) -> None:
    path = ["input", "filter"]
    plain = [one for one in (wanted.since, wanted.until, wanted.connection, wanted.store, wanted.currency) if one]
    if kind is Kind.FINDINGS and plain:
        raise InvalidInput("FINDINGS are narrowed by `findings` alone.", path=path)
    if kind is not Kind.FINDINGS and wanted.findings is not None:
        raise InvalidInput("`findings` narrows FINDINGS alone.", path=path)
    if kind is Kind.TRIAL_BALANCE and (wanted.since is None or wanted.until is None):
        raise InvalidInput("A trial balance has a first and a last day.", path=path)
    if kind is Kind.TRIAL_BALANCE and (wanted.store is not None or wanted.currency is not None):
        raise InvalidInput("A trial balance is of all stores that you may read, and tells currencies apart.", path=path)
    if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
        raise InvalidInput("The first day comes before the last.", path=path)


async def _check_waiting(merchant_id: UUID) -> None:
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"exports/{merchant_id}")
    if await Export.filter(merchant_id=merchant_id, state__in=["QUEUED", "RUNNING"]).count() >= _WAITING_MAX:
        raise RateLimited(f"{_WAITING_MAX} exports are waiting; take those first.", retry_after=60)


def reader(row: Export) -> Principal:
    """Whoever reads what its asker might read: the ledger of those stores, and nothing else."""
    stores = None if row.store_ids is None else frozenset(UUID(one) for one in row.store_ids)
    reach = Reach(frozenset({(Permission.READ_LEDGER, stores)}))
    return Principal(row.party, row.merchant_id, row.created_by, reach, _NEVER, party_id=row.party)


async def begun(row: Export) -> bool:
    """Take it in hand for as long as the lease lasts. False: somebody else has it, or it is done."""
    taken = await execute(_BEGIN, row.id, LEASE_SECONDS)
    await row.refresh_from_db()
    return bool(taken)


class Overtaken(RuntimeError):
    """The lease was over, and another worker has it in hand."""


async def far(row: Export, done: int, total: int) -> None:
    """How far it is; the lease begins anew. Raises Overtaken."""
    if await execute(_FAR, row.id, row.tries, done, total, LEASE_SECONDS) != 1:
        raise Overtaken("Another worker has this export in hand.")


async def failed(row: Export, why: str) -> None:
    """It ends, in these words."""
    await execute(_FAIL, row.id, why.replace("\x00", "")[:_PROBLEM_MAX])


async def again(row: Export, why: str) -> None:
    """It has its turn later, or ends where it has had enough of them."""
    if row.tries >= TRIES_MAX:
        await failed(row, why)
    else:
        await execute(_AGAIN, row.id)


async def expire(settings: Settings) -> int:
    """Take away the files whose time is over; how many. Raises ContentAway."""
    found = await rows(_OVER)
    for one in found:
        await content.remove(settings, one["file_id"])
        await execute(_EXPIRED, one["id"])
    return len(found)
