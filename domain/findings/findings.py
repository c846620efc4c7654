"""Findings: what a person must look at, with what differs and what to do on the row. The same one is opened once."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Scope, Whose, scope_of
from domain.findings import facts, kinds, reopen
from domain.findings.kinds import FindingKind as FindingKind  # by this name everybody knows it
from domain.findings.names import bounded as bounded  # by this name everybody knows it
from domain.models import Finding
from domain.money import Money
from domain.platform.children import first_of_each
from domain.platform.database import execute, rows, transaction

ACTIONS: Final[Mapping[FindingKind, str]] = {kind: kinds.known(kind).action["en"] for kind in FindingKind}
# What a person has said and stands: it is the program's to open again where the facts are others, and then only.
_SAID: Final = (
    "SELECT 1 FROM finding_resolutions s WHERE s.finding_id = f.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL"
)
# In the order of payments: whoever opens several again waits for others, and never in a circle.
_RESOLVED: Final = """SELECT f.id, f.merchant_id, f.fingerprint, s.facts, s.agreed_at
FROM unnest($1::uuid[], $2::text[]) AS t(merchant_id, fingerprint)
JOIN findings f ON f.merchant_id = t.merchant_id AND f.fingerprint = t.fingerprint
JOIN finding_resolutions s ON s.finding_id = f.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL
ORDER BY f.payment_id, f.id"""
# The facts are over, as far as the program can tell: told again, they are new, though a person had resolved them.
_OVER: Final = """WITH agreed AS (UPDATE finding_resolutions s SET agreed_at = now() FROM findings f
  WHERE {} AND s.finding_id = f.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL AND s.agreed_at IS NULL) """
# A finding `f` that is open, or that a person has resolved and whose facts are not known to be over.
MAY_END: Final = """(f.resolved_at IS NULL OR EXISTS (SELECT 1 FROM finding_resolutions s WHERE s.finding_id = f.id
  AND s.started_at IS NOT NULL AND s.ended_at IS NULL AND s.agreed_at IS NULL))"""
_RENEW: Final = """UPDATE findings f SET amount = t.amount, explanation = t.explanation, detail = t.detail,
  action = t.action
FROM jsonb_to_recordset($1::jsonb) AS t(merchant_id uuid, fingerprint text, amount bigint, explanation text,
  detail jsonb, action text)
WHERE f.merchant_id = t.merchant_id AND f.fingerprint = t.fingerprint AND f.resolved_at IS NULL
  AND (f.amount, f.detail) IS DISTINCT FROM (t.amount, t.detail)"""
AGREED: Final = "The reports agree with the books."  # how the night closes what differs no longer
_AT_ONCE_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A finding to open. `amount` is what is at stake; `fingerprint` names it, so that it is opened once."""

    kind: FindingKind
    merchant_id: UUID
    connection_id: UUID
    fingerprint: str
    amount: Money
    explanation: str
    refund_id: UUID | None = None
    payment_id: UUID | None = None
    run_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False  # opened again if it was resolved: it is about what can happen again
    action: str | None = None  # what to do, where it is not what its kind wants


def closing(over: str) -> str:
    """The statement that closes what holds no longer, as `resolve` does.

    `over`: a query of its `id`, and of the words `said`, of findings that MAY_END; all of it a constant of ours.
    """
    return f"""WITH over AS MATERIALIZED ({over}),
  agreed AS (UPDATE finding_resolutions s SET agreed_at = now() FROM over
    WHERE s.finding_id = over.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL AND s.agreed_at IS NULL)
  UPDATE findings f SET resolved_at = now(), resolution = left(over.said, 500) FROM over
  WHERE f.id = over.id AND f.resolved_at IS NULL"""  # noqa: S608 - ours


async def that_may_end(merchant_id: UUID, connection_id: UUID, kinds: Collection[FindingKind]) -> set[FindingKind]:
    """Those of the kinds of which the connection has a finding that MAY_END: of the others nothing is to be closed."""
    found = await rows(
        "SELECT k.kind FROM unnest($3::text[]) AS k(kind) WHERE EXISTS (SELECT 1 FROM findings f "  # noqa: S608 - ours
        f"WHERE f.merchant_id = $1 AND f.connection_id = $2 AND f.kind = k.kind AND {MAY_END})",
        merchant_id,
        connection_id,
        [kind.value for kind in kinds],
    )
    return {FindingKind(row["kind"]) for row in found}


async def open_finding(found: Found) -> UUID | None:
    """Open it unless it is open or was resolved already; its id when it is new."""
    made = await _open([found])
    return made[0] if made else None


async def open_findings(found: Sequence[Found]) -> None:
    """As `open_finding`, many with one statement and a few hundred to a transaction.

    The foreign keys of a finding lock its refund and payment for as long as the transaction lasts, and the sealer waits
    for it: whoever has many to open does it outside of any other transaction.
    """
    # Always in one order: two nights that open the same ones wait for each other and never for a circle.
    ordered = sorted(found, key=lambda one: (one.merchant_id, one.fingerprint))
    for start in range(0, len(ordered), _AT_ONCE_MAX):
        async with transaction():
            await _open(ordered[start : start + _AT_ONCE_MAX])


async def _open(found: Sequence[Found]) -> list[UUID]:
    made = await rows(
        "INSERT INTO findings (id, merchant_id, connection_id, run_id, kind, fingerprint, refund_id, payment_id, "
        "  amount, currency, explanation, action, detail, severity, due_at, created_at) "
        "SELECT t.id, t.merchant_id, t.connection_id, t.run_id, t.kind, t.fingerprint, t.refund_id, t.payment_id, "
        "  t.amount, t.currency, t.explanation, t.action, t.detail, t.severity, "
        "  now() + make_interval(secs => t.due_in), now() FROM jsonb_to_recordset($1::jsonb) AS t("
        "  id uuid, merchant_id uuid, connection_id uuid, run_id uuid, kind text, fingerprint text, refund_id uuid, "
        "  payment_id uuid, amount bigint, currency text, explanation text, action text, detail jsonb, "
        "  severity smallint, due_in float8) "
        "ON CONFLICT (merchant_id, fingerprint) DO NOTHING RETURNING id",
        json.dumps([_row(one) for one in found], default=str),
    )
    if len(made) < len(found):
        await _contradict(found)
    await _open_again([one for one in found if one.again])
    return [row["id"] for row in made]


async def _contradict(found: Sequence[Found]) -> None:
    """What a person has resolved is opened again where it is told with other facts, or had been over meanwhile."""
    told = {(one.merchant_id, bounded(one.fingerprint)): one for one in found}
    for row in await rows(
        _RESOLVED, [merchant_id for merchant_id, _ in told], [fingerprint for _, fingerprint in told]
    ):
        one = told[row["merchant_id"], row["fingerprint"]]
        now = facts.digest_of(one.kind, one.amount.minor_units, one.amount.currency, one.detail)
        if row["facts"] != now or row["agreed_at"] is not None:
            await reopen.by_facts(row["id"], one.amount.minor_units, one.explanation, one.detail)


def _row(found: Found) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "merchant_id": found.merchant_id,
        "connection_id": found.connection_id,
        "run_id": found.run_id,
        "kind": found.kind.value,
        "fingerprint": bounded(found.fingerprint),
        "refund_id": found.refund_id,
        "payment_id": found.payment_id,
        "amount": found.amount.minor_units,
        "currency": found.amount.currency,
        "explanation": found.explanation,
        "action": found.action or ACTIONS[found.kind],
        "detail": dict(found.detail),
        "severity": kinds.severity(found.kind, found.amount),
        "due_in": kinds.known(found.kind).due_in.total_seconds(),
    }


async def _open_again(found: Sequence[Found]) -> None:
    if found:
        await execute(
            "UPDATE findings f SET resolved_at = NULL, resolution = NULL FROM "  # noqa: S608 - ours
            "  unnest($1::uuid[], $2::text[]) AS t(merchant_id, fingerprint) WHERE f.resolved_at IS NOT NULL "
            f"  AND f.merchant_id = t.merchant_id AND f.fingerprint = t.fingerprint AND NOT EXISTS ({_SAID}) "
            "RETURNING f.id",
            [one.merchant_id for one in found],
            [bounded(one.fingerprint) for one in found],
        )


async def open_again_what_agreed(found: Sequence[Found]) -> None:
    """Open what the night itself had closed, because all agreed, and what differs after all; it says how."""
    await open_again(found, AGREED)


async def open_again(found: Sequence[Found], closed_by: str) -> None:
    """Open what was closed in these words, which are the program's own, and is so once more; it says how.

    What a person has closed stays closed.
    """
    if not found:
        return
    await execute(
        "UPDATE findings f SET resolved_at = NULL, "  # noqa: S608 - ours
        "  resolution = left('Open again: ' || t.explanation, 500) "
        "FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t(merchant_id, fingerprint, explanation) "
        "WHERE f.merchant_id = t.merchant_id AND f.fingerprint = t.fingerprint AND f.resolved_at IS NOT NULL "
        f"  AND f.resolution = $4 AND NOT EXISTS ({_SAID}) RETURNING f.id",
        [one.merchant_id for one in found],
        [bounded(one.fingerprint) for one in found],
        [one.explanation for one in found],
        closed_by,
    )


async def renew(found: Sequence[Found]) -> None:
    """What is open, and is told with other facts now, says these: what has been told in parts, as far as it has."""
    if found:
        await execute(_RENEW, json.dumps([_row(one) for one in found], default=str))


async def resolve(merchant_id: UUID, fingerprint: str, resolution: str) -> None:
    """Close the finding of that fingerprint, if it is open."""
    await execute(
        _OVER.format("f.merchant_id = $1 AND f.fingerprint = $2")  # noqa: S608 - ours
        + "UPDATE findings SET resolved_at = now(), resolution = $3 "
        "WHERE merchant_id = $1 AND fingerprint = $2 AND resolved_at IS NULL",
        merchant_id,
        bounded(fingerprint),
        resolution[:500],
    )


async def resolve_all(merchant_id: UUID, fingerprints: Sequence[str], resolution: str) -> None:
    """As `resolve`, many with one statement."""
    await execute(
        _OVER.format("f.merchant_id = $1 AND f.fingerprint = ANY($2)")  # noqa: S608 - ours
        + "UPDATE findings SET resolved_at = now(), resolution = $3 "
        "WHERE merchant_id = $1 AND fingerprint = ANY($2) AND resolved_at IS NULL",
        merchant_id,
        [bounded(one) for one in fingerprints],
        resolution[:500],
    )


async def resolve_of(merchant_id: UUID, refund_id: UUID, said: Mapping[str, str]) -> None:
    """Close the open findings of a refund whose fingerprints begin so, in these words, with one statement."""
    await execute(
        _OVER.format(  # noqa: S608 - ours
            "f.merchant_id = $1 AND f.refund_id = $2 AND EXISTS (SELECT 1 FROM unnest($3::text[]) AS n(name) "
            "WHERE starts_with(f.fingerprint, n.name))"
        )
        + "UPDATE findings f SET resolved_at = now(), resolution = left(t.said, 500) "
        "FROM unnest($3::text[], $4::text[]) AS t(name, said) WHERE f.merchant_id = $1 AND f.refund_id = $2 "
        "  AND f.resolved_at IS NULL AND starts_with(f.fingerprint, t.name)",
        merchant_id,
        refund_id,
        list(said),
        list(said.values()),
    )


async def close(merchant_id: UUID, fingerprint: str, said: str) -> None:
    """Close the finding of that fingerprint; one that is closed keeps how, and gets this beside it."""
    await execute(
        "UPDATE findings SET resolved_at = coalesce(resolved_at, now()), "
        "  resolution = left(concat_ws(' ', resolution, $3::text), 500) "
        "WHERE merchant_id = $1 AND fingerprint = $2",
        merchant_id,
        fingerprint,
        said,
    )


def readable(whose: Whose) -> QuerySet[Finding]:
    """The findings that somebody may see; of some stores, those about their payments and refunds. Raises Forbidden."""
    return within(scope_of(whose, Permission.READ_LEDGER))


def within(scope: Scope) -> QuerySet[Finding]:
    """The findings of a scope."""
    found = Finding.filter(merchant_id=scope.merchant_id)
    if scope.is_whole:
        return found
    stores = list(scope.stores or ())
    return found.filter(Q(payment__store_id__in=stores) | Q(refund__payment__store_id__in=stores))


async def of_runs(run_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[Finding]]:
    """The first `limit` findings of each run, oldest first."""
    return await first_of_each(Finding, run_ids, key="run_id", order="created_at, id", limit=limit)
