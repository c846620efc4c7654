"""What a refund will cost, as far as schedules, reports and rates tell it. What nobody tells is unknown, never 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.models.quotes import FeeKind, OriginalFee
from domain.money import EXPONENTS, Money, cumulative_share
from domain.platform.database import rows
from domain.quotes.figures import Basis, Cost, CostName
from domain.settlements import fees, rates
from domain.settlements.fees import THEIRS, Fee
from domain.settlements.rates import Rate

_DIGITS: Final = 60
# How valid reports have settled the capture of a payment, all of its parts together: in which currency they came, what
# they were before and after it (`amount` in minor units), and what its fee was, if it is that of all of it.
_SETTLED: Final = (
    "SELECT l.settled_currency, sum(l.amount) FILTER (WHERE l.settled_gross IS NOT NULL) AS amount, "  # noqa: S608
    "  sum(abs(l.settled_gross)) AS gross, CASE WHEN count(l.settled_fee) = count(*) AND sum(l.amount) >= p.captured "
    f"    THEN sum({THEIRS}) END AS fee FROM settlement_lines l JOIN payments p ON p.id = l.payment_id "
    "WHERE l.payment_id = $1 AND l.effect = 'CAPTURE' AND l.voided_at IS NULL AND l.settled_currency IS NOT NULL "
    "GROUP BY l.settled_currency, p.captured ORDER BY min(l.id)"
)
_NO_REPORT: Final = "No report has told yet in which currency the payment was settled."
_NO_FEE_OF_REFUND: Final = "The PSE's fee for refunds of this connection, method and currency is not entered."
_NO_FEE_OF_PAYMENT: Final = "No report has told the payment's own fee, and none was entered for its day."


@dataclass(frozen=True, slots=True)
class CaptureSettled:
    """How the capture was settled, in major units of `currency`; None where the reports do not say it.

    `gross`: what `amount` (minor units of the payment's currency) came to; `fee`: what all of it cost, tax included.
    """

    currency: str
    amount: int
    gross: Decimal | None
    fee: Decimal | None


@dataclass(frozen=True, slots=True)
class QuoteAsked:
    """What is to be quoted. `payment`: its row as domain/refunds/insert sees it; `on` in the merchant's zone."""

    payment: Mapping[str, Any]
    amount: Money
    on: date
    settled: CaptureSettled | None
    rate: Rate | None  # what one of the payment's currency is worth today in the settled one, where they differ

    @property
    def is_converted(self) -> bool:
        """Whether the payment came in another currency than it was paid in."""
        return self.settled is not None and self.settled.currency != self.amount.currency

    @property
    def currency(self) -> str:
        """In which the PSE counts its fees: that which it settles in."""
        return self.settled.currency if self.settled is not None else self.amount.currency


async def costs(payment: Mapping[str, Any], amount: Money) -> list[Cost]:
    """The costs of refunding so much of a payment today."""
    settled = await _settled(payment["id"])
    on = payment["now"].astimezone(ZoneInfo(payment["zone"])).date()
    rate = None
    if settled is not None and settled.currency != amount.currency:
        rate = await rates.rate_on(payment["merchant_id"], amount.currency, settled.currency, on)
    asked = QuoteAsked(payment, amount, on, settled, rate)
    of_refund = await _fee_of_refund(asked)
    return [_refund_fee(asked, of_refund), await _original_fee(asked, of_refund), _fx_difference(asked)]


async def _settled(payment_id: UUID) -> CaptureSettled | None:
    found = await rows(_SETTLED, payment_id)
    if not found or found[0]["settled_currency"] not in EXPONENTS:
        return None
    first = found[0]  # parts of another currency are of less than the whole: then its fee is not known
    return CaptureSettled(first["settled_currency"], int(first["amount"] or 0), first["gross"], first["fee"])


async def _fee_of_refund(asked: QuoteAsked) -> Fee | None:
    """What the schedule says of a refund; of a converted payment by today's rate (without one, of nothing)."""
    base = Decimal(asked.amount.minor_units)
    if asked.is_converted:
        base = _minor(_major(asked.amount) * asked.rate.value, asked.currency) if asked.rate else Decimal(0)
    method = asked.payment["method"]
    return await fees.expected_fee(
        asked.payment["connection_id"], method, FeeKind.REFUND, base, asked.currency, asked.on
    )


def _refund_fee(asked: QuoteAsked, fee: Fee | None) -> Cost:
    if fee is None:
        return Cost(CostName.REFUND_FEE, None, unknown=_NO_FEE_OF_REFUND)
    if asked.is_converted and asked.rate is None:
        return Cost(CostName.REFUND_FEE, None, unknown=_no_rate(asked))
    return Cost(CostName.REFUND_FEE, Money(fee.amount, fee.currency), basis=_by(fee, "The PSE's fee for a refund."))


async def _original_fee(asked: QuoteAsked, of_refund: Fee | None) -> Cost:
    """What the PSE keeps of the payment's fee, for the part that is refunded."""
    if of_refund is None or of_refund.original_fee is None:
        return Cost(CostName.ORIGINAL_FEE, None, unknown=_NO_FEE_OF_REFUND)
    rule = OriginalFee(of_refund.original_fee)
    before = asked.payment["reserved"] + asked.payment["refunded"]
    captured = asked.payment["captured"]
    completes = before + asked.amount.minor_units >= captured
    if rule is OriginalFee.RETURNED_PRO_RATA or (rule is OriginalFee.RETURNED and completes):
        basis = _by(of_refund, "The PSE gives the payment's fee back.")
        return Cost(CostName.ORIGINAL_FEE, Money(0, asked.currency), basis=basis)
    whole, told = await _whole_fee(asked)
    if whole is None:
        return Cost(CostName.ORIGINAL_FEE, None, unknown=_NO_FEE_OF_PAYMENT)
    upto = min(before + asked.amount.minor_units, captured)
    share = cumulative_share(whole, upto, captured) - cumulative_share(whole, min(before, captured), captured)
    kept = "The PSE keeps the payment's fee; this is the share of what is refunded"
    if rule is OriginalFee.RETURNED:
        kept = "The PSE gives the payment's fee back when all is refunded; until then it keeps this share"
    return Cost(
        CostName.ORIGINAL_FEE, Money(abs(share), asked.currency), share < 0, _by(of_refund, f"{kept} ({told}).")
    )


async def _whole_fee(asked: QuoteAsked) -> tuple[int | None, str]:
    """The payment's own fee (minor units of what was settled), and who says so."""
    if asked.settled is not None and asked.settled.fee is not None:
        return _rounded(_minor(asked.settled.fee, asked.currency)), "the fee as its report tells it"
    if asked.is_converted:
        return None, ""
    payment = asked.payment
    captured_on = payment["captured_at"].astimezone(ZoneInfo(payment["zone"])).date()
    fee = await fees.expected_fee(
        payment["connection_id"], payment["method"], FeeKind.PAYMENT, payment["captured"], asked.currency, captured_on
    )
    if fee is None:
        return None, ""
    return fee.amount, f"the fee by schedule {fee.schedule_id} from {fee.valid_from}"


def _fx_difference(asked: QuoteAsked) -> Cost:
    """What today's rate makes the refund dearer than the capture's own made the payment."""
    name = CostName.FX_DIFFERENCE
    if asked.settled is None:
        return Cost(name, None, unknown=_NO_REPORT)
    if not asked.is_converted:
        return Cost(name, Money(0, asked.currency), basis=Basis("The payment was settled in its own currency."))
    if asked.settled.gross is None or asked.settled.amount == 0:
        return Cost(name, None, unknown="The report does not say what the payment came to in the settled currency.")
    if asked.rate is None:
        return Cost(name, None, unknown=_no_rate(asked))
    with localcontext() as context:
        context.prec = _DIGITS
        told = Decimal(asked.settled.amount).scaleb(-EXPONENTS[asked.amount.currency])
        came_at = asked.settled.gross / told
        dearer = _rounded(_minor(_major(asked.amount) * (asked.rate.value - came_at), asked.currency))
    rule = f"Today's rate against the capture's own, {came_at:.6f}. The PSE's rate of the day may be another."
    basis = Basis(
        rule,
        rate_id=asked.rate.id,
        rate=f"{asked.rate.value:.6f}",
        rate_date=asked.rate.valid_from,
        carried=asked.rate.carried,
        source=asked.rate.source,
    )
    return Cost(name, Money(abs(dearer), asked.currency), dearer < 0, basis)


def _no_rate(asked: QuoteAsked) -> str:
    return f"Nobody has entered a rate of {asked.amount.currency}/{asked.currency} for today or the week before."


def _by(fee: Fee, rule: str) -> Basis:
    return Basis(rule, schedule_id=fee.schedule_id, schedule_from=fee.valid_from, source=fee.source)


def _major(amount: Money) -> Decimal:
    return Decimal(amount.minor_units).scaleb(-EXPONENTS[amount.currency])


def _minor(major: Decimal, currency: str) -> Decimal:
    return major.scaleb(EXPONENTS[currency])


def _rounded(units: Decimal) -> int:
    return int(units.quantize(Decimal(1), ROUND_HALF_UP))
