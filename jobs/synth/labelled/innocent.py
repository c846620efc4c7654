"""Stories that only look wrong: the same amount, day, payment, customer, second; late, early, known, in parts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from jobs.synth.labelled.layouts.stripe import AT_THE_BANK
from jobs.synth.labelled.stories import CHARGED, DISPUTED, NAMED, REPORTED, Story, in_parts, taxed
from jobs.synth.labelled.teller import Subject, Teller

SHOPPERS: Final = "JPY"  # what they pay in where the PSE converts
CONVERTED: Final = "a shopper's currency"
_LATE: Final = ("adyen", "conekta", "mercadopago", "stripe")  # whose rows may come a day after the refund
_ALWAYS: Final = (
    "RETURNED",
    "AMOUNT_MISMATCH",
    "CURRENCY_MISMATCH",
    "MISSING_IN_LEDGER",
    "STATUS_MISMATCH",
    "EXPONENT_SUSPECTED",
)


_NO_REASON: Final = "ADJUSTMENT_UNEXPLAINED"
_OF_VAT: Final = ("VAT_DOCUMENT_DIFFERS", "VAT_REVERSAL_OVERDUE", "VAT_REVERSAL_NEEDED")


def equal_parts_of_one_day(t: Teller) -> None:
    """Two equal refunds of one sale on one day."""
    sale = t.sale()
    both = [t.refund(sale, sale.captured // 2, after=1_800 - turn) for turn in (0, 1)]
    t.fine(
        *_ALWAYS,
        "FX_MISMATCH",
        "DUPLICATE_LINE",
        "DUPLICATE_REFUND",
        "MISSING_IN_REPORT",
        "VAT_REVERSAL_NEEDED",
        about=both,
    )


def equal_sales_of_one_customer(t: Teller) -> None:
    """Two equal sales, both refunded."""
    amount = (t.chance(12, 50_000) + 500) * 4
    sales = [t.sale(amount) for _ in range(2)]
    gone = [t.refund(sale) for sale in sales]
    t.fine("DUPLICATE_LINE", "DUPLICATE_REFUND", "MISSING_IN_LEDGER", about=[*sales, *gone])


def refund_before_its_sale(t: Teller) -> None:
    """The file of the day has the refund; the sale's row comes a day later."""
    sale = t.sale(told_on=1)
    t.fine("MISSING_IN_LEDGER", "MISSING_IN_REPORT", "AMOUNT_MISMATCH", about=[sale, t.refund(sale)])


def told_a_day_later(t: Teller) -> None:
    """The row comes a day later, within the PSE's lag."""
    sale = t.sale()
    t.fine("MISSING_IN_REPORT", "DUPLICATE_LINE", about=[t.refund(sale, told_on=1)])


def listed_again(t: Teller) -> None:
    """The listing of the next day has the refund once more, as it stands: it has left once."""
    sale = t.sale()
    gone = t.refund(sale)
    t.tell("REFUND", sale, sale.captured, 1, at=gone.at, refund=gone.number)
    t.fine("DUPLICATE_LINE", "DUPLICATE_REFUND", "MISSING_IN_LEDGER", about=[sale, gone])


def paid_from_the_bank(t: Teller) -> None:
    """A person paid it: no row comes."""
    sale = t.sale()
    t.fine("MISSING_IN_REPORT", "DUPLICATE_REFUND", about=[t.refund(sale, silent=True, by_bank=True)])


def doubt_that_the_report_ends(t: Teller) -> None:
    """No answer came; the report has it."""
    sale = t.sale()
    t.fine("STATUS_MISMATCH", "MISSING_IN_REPORT", "MISSING_IN_LEDGER", about=[sale, t.refund(sale, state="SUBMITTED")])


def waits_and_is_paid(t: Teller) -> None:
    """The report of one day says that it is being processed, that of the next that it was paid."""
    sale = t.sale()
    gone = t.refund(sale, state="SUBMITTED", silent=True)
    t.tell("REFUND", sale, sale.captured, 0, at=gone.at, refund=gone.number, status="EM_PROCESSAMENTO")
    t.tell("REFUND", sale, sale.captured, 1, refund=gone.number)
    t.fine("STATUS_MISMATCH", "MISSING_IN_REPORT", "MISSING_IN_LEDGER", "DUPLICATE_LINE", about=[sale, gone])


def just_before_midnight(t: Teller) -> None:
    """Seconds before midnight where the merchant is, and the next day where the PSE is."""
    sale = t.sale()
    left = t.moment(1, -30) - sale.at
    t.fine("MISSING_IN_REPORT", "DUPLICATE_LINE", "STATUS_MISMATCH", about=[t.refund(sale, after=left.seconds)])


def refused_and_told_so(t: Teller) -> None:
    """The report repeats the refusal."""
    sale = t.sale()
    gone = t.refund(sale, state="FAILED", silent=True)
    t.tell("REFUND", sale, sale.captured, at=gone.at, refund=gone.number, status=_REFUSED[t.pse])
    t.fine("STATUS_MISMATCH", "MISSING_IN_LEDGER", "RETURNED", "VAT_REVERSAL_NEEDED", about=[sale, gone])


_REFUSED: Final = {"pix": "NAO_REALIZADO", "conekta": "voided"}


def returned_as_was_known(t: Teller) -> None:
    """Came back, as we knew."""
    sale = t.sale(tax=100)
    gone = t.refund(sale, state="RETURNED", returned=1, tax=100)
    t.tell("RETURN", sale, sale.captured, 1, refund=gone.number)
    t.find("RETURNED", gone, sale.captured)
    kinds = ("STATUS_MISMATCH", "AMOUNT_MISMATCH", "DUPLICATE_LINE", "MISSING_IN_REPORT", "MISSING_IN_LEDGER")
    t.fine(*kinds, "UNCLEAR_LINE", "VAT_REVERSAL_NEEDED", "VAT_REVERSAL_OVERDUE", about=[gone])


def won_dispute(t: Teller) -> None:
    """Charged back and won."""
    sale = t.sale()
    t.tell("CHARGEBACK", sale, sale.captured, 0, case=sale.number)
    t.tell("CHARGEBACK_REVERSED", sale, sale.captured, 1, case=sale.number)
    t.fine("CHARGEBACK", "MISSING_IN_LEDGER", "DUPLICATE_LINE", "DUPLICATE_REFUND", about=[sale])


def captured_in_parts(t: Teller) -> None:
    """A sale captured in two equal parts, told in the same second."""
    sale = t.sale(silent=True)
    half = sale.captured // 2
    for _ in range(2):
        t.tell("CAPTURE", sale, half, at=sale.at, fee=t.place.fee_of(half))
    t.fine("AMOUNT_MISMATCH", "DUPLICATE_LINE", "EXPONENT_SUSPECTED", about=[sale])


def fees_of_one_second(t: Teller) -> None:
    """Several fees of one amount in one second, none of which names anything."""
    for _ in range(3):
        t.tell("FEE", None, 326, at=t.moment(0, 70_000))
    kinds = ("UNKNOWN_LINE", "DUPLICATE_LINE", "FEE_MISMATCH", "BATCH_UNBALANCED", "UNCLEAR_LINE", _NO_REASON)
    t.fine(*kinds, about=[Subject("word", name={"adyen": "MiscCosts"}.get(t.pse, "fee"))])


def fee_of_the_next_batch(t: Teller) -> None:
    """A fee of a day that stands in the next day's file, beside another of the same amount."""
    for on in (0, 1):
        t.tell("FEE", None, 706, on, at=t.moment(0, 70_001))
    kinds = ("DUPLICATE_LINE", "FEE_MISMATCH", "BATCH_UNBALANCED", _NO_REASON)
    t.fine(*kinds, about=[Subject("word", name=f"fee-{t.day()}")])


def fee_that_comes_back(t: Teller) -> None:
    """The PSE gives a fee back: its row adds to the balance."""
    t.tell("FEE", None, -326, at=t.moment(0, 70_002))
    t.fine(
        "UNKNOWN_LINE",
        "FEE_MISMATCH",
        "UNCLEAR_LINE",
        "BALANCE_DIFFERS",
        _NO_REASON,
        about=[Subject("word", name=f"back-{t.day()}")],
    )


def fee_given_back_with_its_refund(t: Teller) -> None:
    """A refund costs less than its amount, for a part of the sale's fee comes back in the same row."""
    sale = t.sale()
    gone = t.refund(sale, silent=True)
    t.tell("REFUND", sale, sale.captured, at=gone.at, refund=gone.number, fee=-11)
    t.fine("AMOUNT_MISMATCH", "FEE_MISMATCH", "BATCH_UNBALANCED", _NO_REASON, about=[sale, gone])


def shipping_given_back(t: Teller) -> None:
    """Beside the refund, the shipping of the same payment comes back to the account."""
    sale = t.sale()
    gone = t.refund(sale)
    t.tell("OTHER_IN", sale, 1_250, word="shipping", at=gone.at)
    t.fine("AMOUNT_MISMATCH", "UNKNOWN_LINE", "UNCLEAR_LINE", "MISSING_IN_LEDGER", _NO_REASON, about=[sale, gone])


_CORRECTIONS: Final = {
    "adyen": ("MatchedStatement", "InvoiceDeduction", "Balancetransfer"),
    "stripe": ("topup", "payout_reversal", "risk_reserved_funds"),
}


def corrections(t: Teller) -> None:
    """Rows that are the account's own: known, and no payment's."""
    for turn, word in enumerate(_CORRECTIONS[t.pse]):
        comes_in = t.turn % 2 or word in AT_THE_BANK
        t.tell("OTHER_IN" if comes_in else "OTHER", None, 1_000 + turn, word=word)
    kinds = ("UNKNOWN_LINE", "UNCLEAR_LINE", "BALANCE_DIFFERS", "BATCH_UNBALANCED", "MISSING_IN_LEDGER", _NO_REASON)
    t.fine(*kinds, about=[Subject("word", name=word) for word in _CORRECTIONS[t.pse]])


def half_of_a_percent_off(t: Teller) -> None:
    """Converted at a rate that is a little off the day's, as rates are."""
    amount = (t.chance(12, 50_000) + 5_000) * 4
    sale = t.sale(amount, silent=True)
    t.tell("CAPTURE", sale, amount, at=sale.at, rate_off=(t.turn % 3 - 1) * 10)
    t.fine("FX_MISMATCH", "CURRENCY_MISMATCH", "AMOUNT_MISMATCH", about=[sale])


def fee_to_the_cent(t: Teller) -> None:
    """A fee that ends in half a cent, rounded as agreed."""
    sale = t.sale(5_050 + 100 * t.turn)
    t.fine("FEE_MISMATCH", "AMOUNT_MISMATCH", about=[sale])


def shoppers_currency(t: Teller) -> None:
    """A shopper paid in yen: the PSE converts, and nothing of it is ours to refund.

    What it came to is in the account, and nobody here knows why: that is found, of the whole file (write.py).
    """
    sale = t.sale(registered=False, silent=True)
    t.tell("CAPTURE", sale, 9_000, at=sale.at, status=SHOPPERS, fee=t.place.fee_of(9_000))
    t.fine("CURRENCY_MISMATCH", "MISSING_IN_LEDGER", "FX_MISMATCH", "EXPONENT_SUSPECTED", about=[sale])


def held_and_let_go(t: Teller) -> None:
    """The PSE holds money for a payout and lets it go: two rows that cancel."""
    for word in ("OTHER_IN", "OTHER"):
        t.tell(word, None, 5_000 + t.turn, word="reserve_for_payout")
    kinds = ("UNKNOWN_LINE", "UNCLEAR_LINE", "BALANCE_DIFFERS", _NO_REASON)
    t.fine(*kinds, about=[Subject("word", name="reserve_for_payout")])


def corrected_and_put_back(t: Teller) -> None:
    """The PSE corrects a deposit, and puts it back in the same file."""
    for word in ("OTHER_IN", "OTHER"):
        t.tell(word, None, 6_000 + t.turn, word="DepositCorrection")
    t.fine(
        "UNKNOWN_LINE", "UNCLEAR_LINE", "BALANCE_DIFFERS", _NO_REASON, about=[Subject("word", name="DepositCorrection")]
    )


def told_in_parts(t: Teller) -> None:
    """Two rows on two days come to the refund."""
    sale, gone = in_parts(t)
    kinds = ("AMOUNT_MISMATCH", "DUPLICATE_LINE", "DUPLICATE_REFUND", "MISSING_IN_LEDGER", "MISSING_IN_REPORT")
    t.fine(*kinds, "EXPONENT_SUSPECTED", "UNKNOWN_LINE", about=[sale, gone])


def taxed_and_not_refunded(t: Teller) -> None:
    """A taxed sale without a refund."""
    sale = t.sale(tax=500)
    t.fine("VAT_REVERSAL_NEEDED", "VAT_REVERSAL_OVERDUE", "MISSING_IN_REPORT", about=[sale])


def documented(t: Teller) -> None:
    """The credit note takes back what the refund has of VAT, to the cent."""
    gone, tax = taxed(t)
    t.document(gone, tax)
    t.fine(*_OF_VAT, about=[gone])


def documented_in_parts(t: Teller) -> None:
    """Two credit notes are together what the refund is."""
    gone, tax = taxed(t)
    half = gone.amount // 2
    t.document(gone, tax // 2, half)
    t.document(gone, tax - tax // 2, gone.amount - half)
    t.fine(*_OF_VAT, about=[gone])


def document_of_the_sale(t: Teller) -> None:
    """The credit note names the sale's document, and no refund; its tax is a cent off, as rounding is."""
    gone, tax = taxed(t)
    t.document(gone, tax - 1, names_refund=False)
    t.fine(*_OF_VAT, about=[gone])


def nearly_all(t: Teller) -> None:
    """All but one cent is refunded: no misread decimals, and nothing twice."""
    sale = t.sale()
    gone = t.refund(sale, sale.captured - 1)
    t.fine("AMOUNT_MISMATCH", "EXPONENT_SUSPECTED", "DUPLICATE_REFUND", about=[sale, gone])


def a_hundredth(t: Teller) -> None:
    """A refund of exactly a hundredth of its sale: meant so, and told so."""
    sale = t.sale((t.chance(12, 500) + 10) * 10_000)
    gone = t.refund(sale, sale.captured // 100)
    t.fine("EXPONENT_SUSPECTED", "AMOUNT_MISMATCH", "DUPLICATE_REFUND", about=[sale, gone])


def same_amount_as_anothers(t: Teller) -> None:
    """A customer's refund and another customer's chargeback, of one amount on one day."""
    amount = (t.chance(12, 50_000) + 500) * 4
    sale, other = t.sale(amount), t.sale(amount)
    gone = t.refund(sale)
    t.tell("CHARGEBACK", other, amount, case=other.number, at=gone.at + timedelta(seconds=1))
    t.find("CHARGEBACK", other, amount)
    t.fine("CHARGEBACK", "DUPLICATE_REFUND", "BANK_INITIATED", "MISSING_IN_LEDGER", about=[sale, gone])


def never_reported(t: Teller) -> None:
    """A refund at a PSE that publishes no report: no row ever comes, and none is missed."""
    sale = t.sale(silent=True)
    t.fine("MISSING_IN_REPORT", "MISSING_IN_LEDGER", "STATUS_MISMATCH", about=[sale, t.refund(sale, silent=True)])


INNOCENT: Final[Mapping[str, Story]] = {
    "equal parts of one day": Story(equal_parts_of_one_day, REPORTED),
    "equal sales of one customer": Story(equal_sales_of_one_customer, REPORTED),
    "refund before its sale": Story(refund_before_its_sale, _LATE),
    "told a day later": Story(told_a_day_later, _LATE),
    "listed again": Story(listed_again, ("pix",)),
    "paid from the bank": Story(paid_from_the_bank, REPORTED),
    "a doubt that the report ends": Story(doubt_that_the_report_ends, ("adyen", "pix")),
    "waits and is paid": Story(waits_and_is_paid, ("pix",)),
    "just before midnight": Story(just_before_midnight, REPORTED),
    "refused and told so": Story(refused_and_told_so, ("pix", "conekta")),
    "returned as was known": Story(returned_as_was_known, ("adyen", "conekta", "pix", "stripe")),
    "won dispute": Story(won_dispute, DISPUTED),
    "captured in parts": Story(captured_in_parts, ("adyen", "stripe", "conekta")),
    "fees of one second": Story(fees_of_one_second, ("adyen", "dlocal", "stripe")),
    "fee of the next batch": Story(fee_of_the_next_batch, ("adyen", "dlocal", "stripe")),
    "a fee that comes back": Story(fee_that_comes_back, ("adyen", "stripe")),
    "fee given back with its refund": Story(fee_given_back_with_its_refund, ("adyen", "stripe")),
    "shipping given back": Story(shipping_given_back, ("mercadopago",)),
    "corrections": Story(corrections, ("adyen", "stripe")),
    "half of a per cent off": Story(half_of_a_percent_off, ("dlocal",), times=6),
    "fee to the cent": Story(fee_to_the_cent, CHARGED),
    CONVERTED: Story(shoppers_currency, ("adyen",)),
    "held and let go": Story(held_and_let_go, ("mercadopago",)),
    "corrected and put back": Story(corrected_and_put_back, ("adyen",)),
    "told in parts": Story(told_in_parts, NAMED),
    "taxed and not refunded": Story(taxed_and_not_refunded, REPORTED),
    "documented": Story(documented, REPORTED),
    "documented in parts": Story(documented_in_parts, REPORTED),
    "document of the sale": Story(document_of_the_sale, REPORTED),
    "nearly all": Story(nearly_all, REPORTED),
    "a hundredth": Story(a_hundredth, REPORTED),
    "same amount as another's": Story(same_amount_as_anothers, DISPUTED),
    "never reported": Story(never_reported, ("ebanx",)),
}
