"""Exports as rows: who asks for what of which stores, how far it is, until when its file is there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Reach, Scope
from domain.access.second import SecondPerson
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content
from domain.findings.kinds import FindingKind
from domain.findings.search import FindingStanding as FindingState
from domain.findings.search import WantedFindings
from domain.history.log import WantedHistory
from domain.models import Export
from domain.platform import bell, idempotency
from domain.platform.alone import lock_name
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
    AUDIT = "AUDIT"


class Format(StrEnum):
    """As what."""

    XLSX = "XLSX"
    CSV = "CSV"
    PARQUET = "PARQUET"


_LISTS: Final = ("states", "methods", "reasons")
_OF_REFUNDS: Final = ("order", "amount_from", "amount_until")


@dataclass(frozen=True, slots=True)
class WantedRows:
    """Of which rows; all that are given hold at once. Days are in the merchant's zone and both included.

    `findings` narrows FINDINGS, and `audit` AUDIT, and nothing else does; the others narrow all other kinds, and those
    from `states` on only REFUNDS. Amounts are minor units of `currency`.
    """

    since: date | None = None
    until: date | None = None
    connection: UUID | None = None
    store: UUID | None = None
    currency: str | None = None
    findings: WantedFindings | None = None
    states: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    order: str | None = None
    needs_person: bool = False
    amount_from: int | None = None
    amount_until: int | None = None
    audit: WantedHistory | None = None
    locale: str = "en"  # of the headings

    def told(self) -> dict[str, Any]:
        """As it is kept, and shown: JSON of what is given."""
        found: dict[str, Any] = {name: str(getattr(self, name)) for name in _PLAIN if getattr(self, name) is not None}
        found |= {name: list(getattr(self, name)) for name in _LISTS if getattr(self, name)}
        found |= {name: getattr(self, name) for name in _OF_REFUNDS if getattr(self, name) is not None}
        found |= {"needs_person": True} if self.needs_person else {}
        found |= {"locale": self.locale} if self.locale != "en" else {}
        found |= {"audit": _told(self.audit)} if self.audit is not None else {}
        return found if self.findings is None else {**found, "findings": _told(self.findings)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "WantedRows":
        """What `told` has written."""
        days: dict[str, Any] = {name: date.fromisoformat(told[name]) for name in ("since", "until") if name in told}
        ids: dict[str, Any] = {name: UUID(told[name]) for name in ("connection", "store") if name in told}
        findings = _findings_of(told["findings"]) if "findings" in told else None
        given: dict[str, Any] = {name: tuple(told[name]) for name in _LISTS if name in told}
        given |= {name: told[name] for name in (*_OF_REFUNDS, "needs_person", "currency", "locale") if name in told}
        audit = WantedHistory(**_read(told["audit"], _READ_ENTRIES)) if "audit" in told else None
        return cls(**days, **ids, **given, findings=findings, audit=audit)


_PLAIN: Final = ("since", "until", "connection", "store", "currency")


def _told(wanted: WantedFindings | WantedHistory) -> dict[str, Any]:
    return {
        name: [str(one) for one in value] if isinstance(value, list | tuple) else value if _plain(value) else str(value)
        for name, value in asdict(wanted).items()
        if value is not None and value is not False
    }


def _plain(value: object) -> bool:
    return isinstance(value, int | bool)


def _findings_of(told: Mapping[str, Any]) -> WantedFindings:
    return WantedFindings(**_read(told, _READ))


def _read(told: Mapping[str, Any], readers: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = dict(told)
    for name, read in readers.items():
        if name in given:
            value = given[name]
            given[name] = [read(one) for one in value] if isinstance(value, list) else read(value)
    return given


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
    "second_person": SecondPerson,
}
_READ_ENTRIES: Final[Mapping[str, Any]] = {
    "person_id": UUID,
    "token_id": UUID,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
}


def readable(principal: Principal) -> QuerySet[Export]:
    """Those that somebody may see: who reads all stores sees all, others what they asked for. What is of the audit log
    is for those who read that. Raises Forbidden.
    """
    scope = principal.scope(Permission.READ_LEDGER, Permission.READ_AUDIT)
    found = Export.filter(merchant_id=scope.merchant_id)
    if not principal.covers([Permission.READ_AUDIT], None):
        found = found.exclude(kind=Kind.AUDIT)
    if not principal.may(Permission.READ_LEDGER):
        return found.filter(kind=Kind.AUDIT)
    return found if scope.is_whole else found.filter(Q(party=principal.party) | Q(kind=Kind.AUDIT))


def _scope(principal: Principal, kind: Kind) -> Scope:
    """What of it the asker may read: of the audit log all, or none. Raises Forbidden."""
    if kind is Kind.AUDIT:
        principal.require_everywhere(Permission.READ_AUDIT)
        return Scope(principal.merchant_id)
    return principal.scope(Permission.READ_LEDGER)


async def create(
    principal: Principal, kind: Kind, format_: Format, wanted: WantedRows, key: str, cause: Cause
) -> Export:
    """Ask for an export of what the asker may read; it has its turn as a job.

    Raises Forbidden, InvalidInput, RateLimited, IdempotencyConflict.
    """
    scope = _scope(principal, kind)
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


def _check(kind: Kind, wanted: WantedRows) -> None:
    path = ["input", "filter"]
    plain = [name for name in _PLAIN if getattr(wanted, name)]
    for its, name, own in ((Kind.FINDINGS, "findings", wanted.findings), (Kind.AUDIT, "audit", wanted.audit)):
        if kind is its and plain:
            raise InvalidInput(f"{its} is narrowed by `{name}` alone.", path=path)
        if kind is not its and own is not None:
            raise InvalidInput(f"`{name}` narrows {its} alone.", path=path)
    of_refunds = [
        name for name in (*_LISTS, *_OF_REFUNDS, "needs_person") if getattr(wanted, name) not in (None, (), False)
    ]
    if kind is not Kind.REFUNDS and of_refunds:
        raise InvalidInput(f"Only REFUNDS are narrowed by {', '.join(of_refunds)}.", path=path)
    if kind is Kind.TRIAL_BALANCE and (wanted.since is None or wanted.until is None):
        raise InvalidInput("A trial balance has a first and a last day.", path=path)
    if kind is Kind.TRIAL_BALANCE and (wanted.store is not None or wanted.currency is not None):
        raise InvalidInput("A trial balance is of all stores that you may read, and tells currencies apart.", path=path)
    if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
        raise InvalidInput("The first day comes before the last.", path=path)


async def _check_waiting(merchant_id: UUID) -> None:
    await lock_name(f"exports/{merchant_id}")
    if await Export.filter(merchant_id=merchant_id, state__in=["QUEUED", "RUNNING"]).count() >= _WAITING_MAX:
        raise RateLimited(f"{_WAITING_MAX} exports are waiting; take those first.", retry_after=60)


def reader(row: Export) -> Principal:
    """Whoever reads what its asker might read: the ledger of those stores, or the audit log, and nothing else."""
    stores = None if row.store_ids is None else frozenset(UUID(one) for one in row.store_ids)
    permission = Permission.READ_AUDIT if row.kind == Kind.AUDIT else Permission.READ_LEDGER
    reach = Reach(frozenset({(permission, stores)}))
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
        await Export.filter(id=one["id"], state="DONE").update(state="EXPIRED")
    return len(found)
