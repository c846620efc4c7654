"""After a death: everything it touched comes to rest, and our books are the sandbox's own log."""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from strawberry.relay import to_base64

from domain import invariants
from domain.books import ledger
from domain.history import seals
from domain.models import Payment
from domain.models.ledger import Account as Books
from domain.platform.database import rows
from jobs import reconciliation
from jobs.wire.sender import sender
from tests.kit.factories import KEY
from tests.trials.crash.load import Seen
from tests.trials.crash.plan import Kill
from tests.trials.crash.stage import Account, Stage

_LOOK_SECONDS = 1.0
# An order that was refused when it was sent again may have been paid the first time: the PSE is asked for a day, and
# then a person is called. A payment's other refunds wait meanwhile where the PSE can only list.
_REFUSED_AGAIN = """
SELECT r.payment_id FROM refunds r JOIN attempts a ON a.refund_id = r.id AND a.outcome IS DISTINCT FROM 'UNSENT'
WHERE r.payment_id = ANY($1) AND r.state IN ('REQUESTED', 'SUBMITTED') GROUP BY r.id
HAVING count(*) > 1 AND (array_agg(a.refusal ORDER BY a.number DESC))[1]"""
# Not terminal, and waiting for nobody: neither for a person (for itself, because its money may have left by another
# way, or for another refund of its payment, from which a listing could not tell it), nor for a date, nor a customer.
_UNDER_WAY = f"""
SELECT id, state, due_at, doubt_since, asks, unsent FROM refunds WHERE payment_id = ANY($1)
  AND state IN ('REQUESTED', 'SUBMITTED', 'PENDING') AND needs_person_since IS NULL AND NOT (state = 'REQUESTED'
    AND coalesce((SELECT code FROM events e WHERE e.refund_id = refunds.id ORDER BY sequence DESC LIMIT 1), '')
      IN ('OTHER_IN_DOUBT', 'PAID_MEANWHILE'))
  AND payment_id NOT IN ({_REFUSED_AGAIN})"""  # noqa: S608 - our own
# Of those the ones that the product has forgotten: not due at any time, or due for long and nobody comes.
_FORGOTTEN = f"SELECT 1 FROM ({_UNDER_WAY}) AS open WHERE due_at IS NULL OR due_at < now() - interval '30 seconds'"  # noqa: S608 - our own
# EBANX's graces of two lost sends, 1 and 2 minutes, and the questions between them take about 5 by the schedule.
_SCHEDULE_SECONDS_MAX = 600.0
_KNOWN_WEBHOOKS = "SELECT digest FROM notices WHERE applied_at IS NOT NULL OR due_at IS NOT NULL"


@dataclass(slots=True)
class Oracle:
    """The sandbox's log of one PSE, not older than a moment."""

    account: Account
    read_at: float = -1e9
    paid: Counter[str] = field(default_factory=Counter)  # payment -> what has left by refunds, less what came back
    taken: Counter[str] = field(default_factory=Counter)
    payouts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # payment -> its paid refunds

    async def read(self) -> "Oracle":
        if time.monotonic() - self.read_at > _LOOK_SECONDS:
            log = await self.account.hand.get("log")
            self.read_at = time.monotonic()
            self.paid, self.taken, self.payouts = Counter(), Counter(), defaultdict(list)
            for row in log["movements"]:
                self._add(row)
        return self

    def _add(self, row: dict[str, Any]) -> None:
        payment = row["payment"]
        if row["kind"] == "REFUND":
            self.paid[payment] += row["amount"]
            self.payouts[payment].append(row["refund"])
        elif row["kind"] == "RETURN":
            self.paid[payment] -= row["amount"]
        elif row["kind"] == "MED":
            self.taken[payment] += row["amount"]


class Judge:
    """Decides about one death after the other; `known` is what was charged to an earlier one."""

    def __init__(self, stage: Stage, quiet_seconds_max: float) -> None:
        self._stage = stage
        self._quiet_seconds_max = quiet_seconds_max
        self._oracles = {pse: Oracle(account) for pse, account in stage.accounts.items()}
        self._known: set[str] = set()

    async def in_flight(self, kill: Kill) -> int:
        """The kill's refunds that are not at rest, those that no answer has come for included."""
        ids = [known for known in kill.payments.values() if known is not None]
        (row,) = await rows("SELECT count(*) AS n FROM refunds WHERE payment_id = ANY($1)", ids)
        asked: int = kill.asked - row["n"]
        return asked + len(await rows(_UNDER_WAY, ids))

    async def judge(self, kill: Kill, clients: list[asyncio.Task[None]]) -> None:
        """Wait for rest, and write down on the kill what is not as it must be."""
        began = time.monotonic()
        await self._invariants(kill)  # with the process dead, and nothing mended yet
        while not (quiet := await self._quiet(kill, clients)):
            if await self._is_stuck(kill, time.monotonic() - began):
                break
            await asyncio.sleep(_LOOK_SECONDS)
        if quiet:
            kill.seconds_until_quiet = time.monotonic() - began
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._doubles(kill)
        if not quiet:
            left = await rows(_UNDER_WAY, list(kill.payments.values()))
            kill.stuck += [f"stuck: {dict(row)}" for row in left]
            kill.unbalanced += await self._differing(kill)
        await self._invariants(kill)
        await self._webhooks(kill)

    async def _is_stuck(self, kill: Kill, seconds: float) -> bool:
        """After `quiet_seconds_max` it must be at rest, but for refunds that wait for a moment of their schedule."""
        if seconds <= self._quiet_seconds_max:
            return False
        ids = list(kill.payments.values())
        scheduled = await rows(_UNDER_WAY, ids) and not await rows(_FORGOTTEN, ids)
        return not scheduled or seconds > _SCHEDULE_SECONDS_MAX

    async def _quiet(self, kill: Kill, clients: list[asyncio.Task[None]]) -> bool:
        if not all(client.done() for client in clients):
            return False
        for client in clients:
            client.result()
        return not await rows(_UNDER_WAY, list(kill.payments.values())) and not await self._differing(kill)

    async def _differing(self, kill: Kill) -> list[str]:
        """The kill's payments whose books are not the log; while a person decides, the books may wait."""
        oracle = await self._oracles[kill.pse].read()
        found = await Payment.filter(id__in=[known for known in kill.payments.values() if known is not None])
        asked = await rows("SELECT payment_id FROM refunds WHERE needs_person_since IS NOT NULL")
        waiting = {row["payment_id"] for row in asked}
        return [said for payment in found if payment.id not in waiting and (said := _difference(payment, oracle))]

    async def _doubles(self, kill: Kill) -> None:
        oracle = await self._oracles[kill.pse].read()
        for reference, payment_id in kill.payments.items():
            paid = oracle.payouts[reference]
            (row,) = await rows("SELECT count(*) AS n FROM refunds WHERE payment_id = $1", payment_id)
            if len(paid) != len(set(paid)) or len(paid) > row["n"]:
                kill.doubles.append(f"paid twice: {reference}: {paid} for {row['n']} refunds")

    async def _invariants(self, kill: Kill) -> None:
        kill.unbalanced += self._fresh(f"{broken.name}: {broken.detail}" for broken in await invariants.check())

    async def _webhooks(self, kill: Kill) -> None:
        hand = self._stage.accounts[kill.pse].hand
        delivered = set((await hand.get("delivered"))["digests"])  # before ours are read: what is taken is there
        known = {row["digest"] for row in await rows(_KNOWN_WEBHOOKS)}
        lost = self._fresh(f"lost webhook: {digest}" for digest in sorted(delivered - known))
        kill.lost_webhooks += lost

    def _fresh(self, said: Any) -> list[str]:
        fresh = [one for one in said if one not in self._known]
        self._known.update(fresh)
        return fresh

    async def finish(self, seen: Seen) -> list[str]:
        """The whole: every payment, every account, every answer, the chain. Empty when all is right."""
        broken = list(seen.violations)
        await self._at_rest()
        async with sender(KEY, 20.0) as sending:
            for pse in ("pix", "stripe"):
                shop = self._stage.accounts[pse].shop
                run = await reconciliation.run(shop.connection.id, today(shop.merchant.zone), sending)
                if run.state != "COMPLETED":
                    broken.append(f"reconciliation of {pse}: {run.state} {run.error}")
        for oracle in self._oracles.values():
            broken += await _account(await oracle.read())
        broken += [f"{one.name}: {one.detail}" for one in await invariants.check()]
        broken += [f"chain: {one.position} {one.what}" for one in await seals.verify()]
        return [*broken, *await _answers(seen)]

    async def _at_rest(self) -> None:
        """What waited for a date while its death was judged may be on its way by now: it comes to rest first."""
        payments = [row["id"] for row in await rows("SELECT id FROM payments")]
        for _ in range(round(self._quiet_seconds_max / _LOOK_SECONDS)):
            if not await rows(_UNDER_WAY, payments):
                return
            await asyncio.sleep(_LOOK_SECONDS)


def today(zone: str) -> date:
    """The business date now."""
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).date()


def _difference(payment: Payment, oracle: Oracle) -> str | None:
    theirs = oracle.paid[payment.pse_reference], oracle.taken[payment.pse_reference]
    if (payment.refunded, payment.taken_by_bank) == theirs:
        return None
    return f"{payment.pse_reference}: refunded {payment.refunded}, taken {payment.taken_by_bank}, the log says {theirs}"


# Where the money of sales is, be it claimed, held, kept as a fee or on its way to the bank. What an account held before
# its first report is no sale's: its opening balance takes that away again.
_OF_SALES: Final = (
    Books.PSE_CLEARING,
    Books.PSE_BALANCE,
    Books.FEES,
    Books.PAYOUTS_IN_TRANSIT,
    Books.OPENING_BALANCES,
)


async def _account(oracle: Oracle) -> list[str]:
    """Every payment of an account, and where its money is: claimed, held, kept as a fee, or paid out."""
    shop = oracle.account.shop
    payments = await Payment.filter(connection_id=shop.connection.id)
    broken = [said for payment in payments if (said := _difference(payment, oracle))]
    balances = await ledger.balances(shop.id, connection_id=shop.connection.id)
    held = sum(row.balance for row in balances if row.account in _OF_SALES)
    moved = sum(payment.captured for payment in payments) - oracle.paid.total() - oracle.taken.total()
    return broken if held == moved else [*broken, f"held at {shop.connection.name}: books {held}, log {moved}"]


async def _answers(seen: Seen) -> list[str]:
    """What a client was told is there, once."""
    stored = await rows("SELECT key, subject_id FROM idempotency_keys WHERE mutation = 'refundCreate'")
    ours = {row["key"]: to_base64("Refund", str(row["subject_id"])) for row in stored}
    broken = [f"{key} was told {told}, the books have {ours.get(key)}" for key, told in seen.accepted.items()
              if ours.get(key) != told]  # fmt: skip
    (row,) = await rows("SELECT count(*) AS n FROM refunds")
    if not row["n"] == len(set(ours.values())) == len(ours):
        broken.append(f"{row['n']} refunds for {len(ours)} idempotency keys")
    return broken
