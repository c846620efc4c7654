"""A payment that was registered in error is taken back by adding: its capture is reversed, its reference is free.

Only one that nothing hangs on: nothing was refunded, reserved or taken, no refund of it ever reached the PSE (its money
could still leave), and no report proves it. What remains is the row, and who took it back and why. The true payment
can then be registered under the same reference, by the merchant or by the PSE's listing: a wrong amount must not make
the real one unrefundable.
"""

from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.books import ledger
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import findings, names
from domain.models import Merchant, Payment
from domain.payments.find import find
from domain.payments.register import Registered
from domain.platform import idempotency
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, InvalidState, NotFound

MUTATION: Final = "paymentWithdraw"
WITHDRAWN: Final = "WITHDRAWN"
_WHY: Final = (5, 500)
_REGISTERED: Final = ["CAPTURE", "DECLARE_TAX"]  # the entries that registering makes
# What a person gave up of it, since no report proves it (findings/claims): of that nothing is left once it is opened.
_GIVEN_UP: Final = """SELECT s.id FROM finding_resolutions s JOIN findings f ON f.id = s.finding_id
WHERE f.payment_id = $1 AND s.claim <> 0 AND s.started_at IS NOT NULL AND s.ended_at IS {ended}"""
_STANDS: Final = _GIVEN_UP.format(ended="NULL LIMIT 1")
_BOOKED: Final = f"""SELECT 1 AS one FROM ledger_entries e
WHERE payment_id = $1 AND refund_id IS NULL AND entry <> ALL($2)
  AND NOT EXISTS ({_GIVEN_UP.format(ended="NOT NULL")} AND starts_with(e.cause, 'finding/' || s.id || '/'))
LIMIT 1"""  # noqa: S608 - ours


async def withdraw(principal: Principal, payment_id: UUID, why: str, key: str, cause: Cause) -> Registered:
    """Take a registered payment back. Raises Forbidden, NotFound, InvalidInput, InvalidState, IdempotencyConflict."""
    scope = principal.scope(Permission.WITHDRAW_PAYMENT)
    low, high = _WHY
    if not (low <= len(why.strip()) <= high and why.strip().isprintable()):
        raise InvalidInput(f"reason takes {low} to {high} printable characters.", path=["input", "reason"])
    facts = {"payment": payment_id, "reason": why.strip()}
    async with transaction():
        if not scope.is_whole:
            await find(scope, payment_id)  # before the key, which may be another store's
        stored = await idempotency.claim(principal.merchant_id, MUTATION, key, facts, payment_id, cause)
        if stored is not None:
            return Registered(await Payment.get(id=stored), replayed=True)
        query = Payment.filter(id=payment_id, merchant_id=principal.merchant_id)
        payment = await query.select_for_update(no_key=True).get_or_none()
        if payment is None:
            raise NotFound("No such payment.", path=["input", "paymentId"])
        await _check(payment)
        await _reverse(payment, cause)
        await execute(
            "UPDATE payments SET withdrawn_at = now(), withdrawn_by = $2, withdrawal_reason = $3 WHERE id = $1 ",
            payment.id,
            cause.actor[:200],
            why.strip(),
        )
        for name in (names.payment(payment.id), names.payment_below(payment.id), names.capture_missing(payment.id)):
            await findings.resolve(payment.merchant_id, name, "The payment was withdrawn.")
        await deeds.note(
            payment.merchant_id, MUTATION, Of("payment", payment.id), cause, {"reason": [None, why.strip()]}
        )
    return Registered(await Payment.get(id=payment_id), replayed=False)


async def _check(payment: Payment) -> None:
    if payment.withdrawn_at is not None:
        raise _refused("It was withdrawn already.", WITHDRAWN)
    if await rows(_STANDS, payment.id):
        raise _refused("A person gave up what no report proves of it: open that finding again first.", "GIVEN_UP")
    if payment.reserved or payment.refunded or await rows(_BOOKED, payment.id, _REGISTERED):
        raise _refused("Money of it was refunded, is reserved by a refund, or was taken: it is real.", "IN_USE")
    if await rows(
        "SELECT 1 AS one FROM refunds r JOIN attempts a ON a.refund_id = r.id WHERE r.payment_id = $1 LIMIT 1",
        payment.id,
    ):
        raise _refused("A refund of it was sent to the PSE, and could still come out there.", "IN_USE")
    if await rows(
        "SELECT 1 AS one FROM settlement_lines WHERE payment_id = $1 AND voided_at IS NULL LIMIT 1", payment.id
    ):
        raise _refused("A report of the PSE proves it.", "PROVEN")


def _refused(why: str, state: str) -> InvalidState:
    return InvalidState(f"The payment cannot be withdrawn. {why}", path=["input", "paymentId"], current_state=state)


async def _reverse(payment: Payment, cause: Cause) -> None:
    """The mirror image of what its registration posted, dated today."""
    merchant = await Merchant.get(id=payment.merchant_id)
    (moment,) = await rows("SELECT now() AS now")
    await execute(
        "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, entry, debit, credit, amount, "
        "  currency, accounting_date, cause, leg, request_id, booked_at) "
        "SELECT merchant_id, store_id, connection_id, payment_id, entry, credit, debit, amount, currency, $2::date, "
        "  'withdrawal/' || cause, leg, $3, now() FROM ledger_entries "
        "WHERE payment_id = $1 AND refund_id IS NULL AND entry = ANY($4)",
        payment.id,
        ledger.accounting_date_of(moment["now"], merchant.zone),
        cause.request_id,
        _REGISTERED,
    )
