"""After the faults: everything comes to rest in time, and our books are the sandbox's own log."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from strawberry.relay import to_base64

from domain import invariants
from domain.books import ledger
from domain.models import Payment, Refund
from domain.models.ledger import Account
from domain.platform.database import rows
from jobs import reconciliation
from jobs.wire.sender import sender
from tests.kit.factories import KEY
from tests.kit.family import until
from tests.trials.chaos.load import Load, Seen
from tests.trials.chaos.stage import Stage

_SIGNS = {"CAPTURE": 1, "REFUND": -1, "RETURN": 1, "MED": -1}
# Not at rest: on its way and nobody was called, or a webhook that can still be applied.
_UNDER_WAY = """
SELECT 'refund ' || id AS what, state, due_at, doubt_since, asks, unsent FROM refunds
  WHERE state IN ('REQUESTED', 'SUBMITTED', 'PENDING') AND needs_person_since IS NULL
UNION ALL SELECT 'webhook ' || id, result, due_at, NULL, tries, 0 FROM notices WHERE due_at IS NOT NULL
"""


@dataclass(slots=True)
class Verdict:
    """What came out. It was good when `violations` is empty."""

    seconds_until_quiet: float | None = None
    states: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    waiting_for_a_person: int = 0
    webhooks: int = 0
    payments_made_by_the_sandbox: int = 0
    violations: list[str] = field(default_factory=list)


async def quiet(load: Load, verdict: Verdict, seconds_max: float) -> None:
    """Wait until every client has its answer and nothing is under way; what is left over is a violation."""
    began = time.monotonic()

    async def at_rest() -> bool:
        return load.busy == 0 and not await rows(_UNDER_WAY)

    load.stop()
    try:
        await until(at_rest, "everything comes to rest", seconds_max)
        verdict.seconds_until_quiet = time.monotonic() - began
    except AssertionError:
        left = [f"still under way: {dict(row)}" for row in await rows(_UNDER_WAY)]
        verdict.violations += [*left[:5], f"{len(left)} under way, {load.busy} clients unanswered in {seconds_max} s"]


async def compare(stage: Stage, seen: Seen, verdict: Verdict, days: Iterable[date]) -> None:
    """Our books against the sandbox's log, the clients' answers and the invariants."""
    await _reconcile(stage, verdict, days)
    refunds = await Refund.all()
    verdict.states = Counter(refund.state.value for refund in refunds)
    verdict.waiting_for_a_person = sum(refund.needs_person_since is not None for refund in refunds)
    for row in await rows("SELECT concat_ws(' ', outcome, code) AS how, count(*) AS n FROM attempts GROUP BY 1"):
        verdict.attempts[row["how"] or "under way"] = row["n"]
    verdict.webhooks = (await rows("SELECT count(*) AS n FROM notices"))[0]["n"]
    verdict.violations += [f"{broken.name}: {broken.detail}" for broken in await invariants.check()]
    await _answers_hold(seen, verdict)
    await _money_agrees(stage, verdict)


async def _reconcile(stage: Stage, verdict: Verdict, days: Iterable[date]) -> None:
    async with sender(KEY, 20.0) as sending:
        for day in days:
            run = await reconciliation.run(stage.shop.connection.id, day, sending)
            if run.state != "COMPLETED":
                verdict.violations.append(f"reconciliation of {day}: {run.state} {run.error}")


async def _answers_hold(seen: Seen, verdict: Verdict) -> None:
    """What a client was told is there, once; and nothing is there that no client was told of."""
    stored = {row["key"]: row["subject_id"] for row in await rows("SELECT key, subject_id FROM idempotency_keys")}
    ids = {to_base64("Refund", str(refund)) for refund in stored.values()}
    for key, refund in seen.accepted.items():
        if key not in stored or to_base64("Refund", str(stored[key])) != refund:
            verdict.violations.append(f"{key} was told {refund}, the books have {stored.get(key)}")
    if len(ids) != len(stored) or await Refund.all().count() != len(stored):
        verdict.violations.append("The refunds are not one for each idempotencyKey.")
    unknown = stored.keys() - seen.accepted.keys()
    if unknown:
        verdict.violations.append(f"Refunds that no client was told of: {sorted(unknown)[:10]}")


async def _money_agrees(stage: Stage, verdict: Verdict) -> None:
    log = await stage.sandbox.get("log")
    theirs: dict[str, int] = defaultdict(int)
    for row in log["movements"]:
        theirs[row["payment"]] -= 0 if row["kind"] == "CAPTURE" else _SIGNS[row["kind"]] * row["amount"]
    verdict.payments_made_by_the_sandbox = sum(row["kind"] == "REFUND" for row in log["movements"])
    paid_twice = Counter((row["payment"], row["refund"]) for row in log["movements"] if row["kind"] == "REFUND")
    verdict.violations += [f"paid twice: {refund}" for refund, times in paid_twice.items() if times > 1]
    for payment in await Payment.all():
        if payment.refunded != theirs[payment.pse_reference]:
            verdict.violations.append(
                f"{payment.pse_reference}: the books have {payment.refunded} refunded, "
                f"the sandbox paid {theirs[payment.pse_reference]}"
            )
    balances = await ledger.balances(stage.shop.id, connection_id=stage.shop.connection.id)
    held = sum(row.balance for row in balances if row.account in (Account.PSE_CLEARING, Account.PSE_BALANCE))
    if held != log["balance"] - log["opening"]:
        verdict.violations.append(f"held at the PSE: books {held}, log {log['balance'] - log['opening']}")
