"""Stories in which something is wrong, each with what must be found. Told as accountants would tell them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from jobs.synth.labelled.layouts.dlocal import apart
from jobs.synth.labelled.teller import Gone, Sale, Subject, Teller

REPORTED: Final = ("adyen", "conekta", "dlocal", "mercadopago", "pix", "stripe")
NAMED: Final = ("adyen", "conekta", "pix", "stripe")  # rows say which refund they are about
DISPUTED: Final = ("adyen", "conekta", "dlocal", "mercadopago", "stripe")
CHARGED: Final = DISPUTED  # whose rows say what they cost
CURRENCIES: Final = ("adyen", "conekta", "dlocal", "stripe")  # each of whose rows has a currency of its own


@dataclass(frozen=True, slots=True)
class Story:
    """`tell` it of any of these PSEs: its docstring says what happens. `once`: so often of each PSE at most."""

    tell: Callable[[Teller], None]
    pses: tuple[str, ...]
    once: int | None = None
    times: int = 1  # so many for each one wanted: what few PSEs can tell


def another_amount(t: Teller) -> None:
    """A refund is told with another amount."""
    sale, off = t.sale(), 1 + t.chance(11, 400)
    part = sale.captured // 2
    gone = t.refund(sale, part, told=part + off if t.turn % 2 else part - off)
    t.find("AMOUNT_MISMATCH", gone, off)


def capture_of_another_amount(t: Teller) -> None:
    """A sale is told with another amount."""
    amount, off = (t.chance(12, 50_000) + 500) * 4, 1 + t.chance(11, 400)
    t.find("AMOUNT_MISMATCH", t.sale(amount, told=amount + off if t.turn % 2 else amount - off), off)


def returned_with_another_amount(t: Teller) -> None:
    """Less comes back than had left."""
    sale, off = t.sale(), 1 + t.chance(11, 400)
    gone = t.refund(sale, state="RETURNED", returned=1)
    t.tell("RETURN", sale, sale.captured - off, 1, refund=gone.number)
    t.find("AMOUNT_MISMATCH", gone, off)
    t.find("RETURNED", gone, sale.captured)


def paid_after_its_refusal(t: Teller) -> None:
    """Refused by its answer, paid by the report."""
    sale = t.sale()
    t.find("STATUS_MISMATCH", t.refund(sale, state="FAILED"), sale.captured)


def came_back(t: Teller) -> None:
    """Left, and came back a day later."""
    sale = t.sale()
    gone = t.refund(sale)
    t.tell("RETURN", sale, sale.captured, 1, refund=gone.number)
    t.find("STATUS_MISMATCH", gone, sale.captured)
    t.find("RETURNED", gone, sale.captured)


def somebody_elses_refund(t: Teller) -> None:
    """A part was refunded in the PSE's pages."""
    sale = t.sale()
    part = sale.captured // 4
    t.tell("REFUND", sale, part, refund=sale.number * 10 + 9, foreign=True)
    t.find("MISSING_IN_LEDGER", sale, part)


def one_equal_part_too_many(t: Teller) -> None:
    """Two refunds of ours of one amount, and the report has a third."""
    sale = t.sale()
    part = sale.captured // 4
    t.refund(sale, part)
    t.refund(sale, part)
    t.tell("REFUND", sale, part, refund=sale.number * 10 + 9, foreign=True)
    t.find("MISSING_IN_LEDGER", sale, part)


def unregistered_sale(t: Teller) -> None:
    """A payment that nobody registered."""
    sale = t.sale(registered=False)
    t.find("MISSING_IN_LEDGER", sale, sale.captured)


def returned_by_the_bank(t: Teller) -> None:
    """A MED: the payer's bank takes the money of a fraud back, and nobody here asked for it."""
    sale = t.sale()
    t.tell(
        "REFUND", sale, sale.captured, refund=sale.number * 10 + 9, word=("MED_FRAUDE", "MED_OPERACIONAL")[t.turn % 2]
    )
    t.find("BANK_INITIATED", sale, sale.captured)


def bank_in_parts(t: Teller) -> None:
    """What the bank takes back comes as the payer's balance allows: in two parts, on two days."""
    sale = t.sale()
    for turn in (0, 1):
        number = sale.number * 10 + 8 + turn
        t.tell("REFUND", sale, sale.captured // 2, turn, refund=number, word="MED_FRAUDE")
    t.find("BANK_INITIATED", sale, sale.captured)


def refunded_and_taken(t: Teller) -> None:
    """The store refunds all, and the bank takes it once more: the customer has the money twice."""
    sale = t.sale()
    t.refund(sale)
    t.tell("REFUND", sale, sale.captured, refund=sale.number * 10 + 9, word="MED_FRAUDE")
    t.find("BANK_INITIATED", sale, sale.captured)
    t.find("DUPLICATE_REFUND", sale, sale.captured)


def refunded_in_the_panel_too(t: Teller) -> None:
    """Somebody refunds all in the PSE's own pages, beside ours."""
    sale = t.sale()
    t.refund(sale)
    t.tell("REFUND", sale, sale.captured, refund=sale.number * 10 + 9, foreign=True)
    t.find("DUPLICATE_REFUND", sale, sale.captured)
    t.find("MISSING_IN_LEDGER", sale, sale.captured)


def never_told(t: Teller) -> None:
    """No report has the refund."""
    sale = t.sale()
    t.find("MISSING_IN_REPORT", t.refund(sale, silent=True), sale.captured)


def told_twice(t: Teller) -> None:
    """One refund has two rows in a file."""
    sale = t.sale()
    gone = t.refund(sale)
    t.tell("REFUND", sale, sale.captured, at=gone.at, refund=gone.number)
    t.find("DUPLICATE_LINE", gone, sale.captured)


def told_twice_beside(t: Teller) -> None:
    """The listing of one day has the refund, and that of the next has it twice."""
    sale = t.sale()
    gone = t.refund(sale)
    for _ in range(2):
        t.tell("REFUND", sale, sale.captured, 1, at=gone.at, refund=gone.number)
    t.find("DUPLICATE_LINE", gone, sale.captured)


def settled_twice(t: Teller) -> None:
    """The refund is taken off one payout, and off the next one, too."""
    sale = t.sale()
    gone = t.refund(sale)
    t.tell("REFUND", sale, sale.captured, 1, refund=gone.number)
    t.find("DUPLICATE_LINE", gone, sale.captured)


def charged_back(t: Teller) -> None:
    """The customer's bank takes all."""
    sale = t.sale()
    # What the dispute costs stands in the same row, and is no part of what the bank took.
    fee = 1_612 if t.pse in ("adyen", "stripe") else 0
    t.tell("CHARGEBACK", sale, sale.captured, 1, case=sale.number, fee=fee)
    t.find("CHARGEBACK", sale, sale.captured)


def charged_back_what_was_left(t: Teller) -> None:
    """Half was refunded: the bank takes the rest, and not the whole sale."""
    sale = t.sale()
    t.refund(sale, sale.captured // 2)
    t.tell("CHARGEBACK", sale, sale.captured // 2, 1, case=sale.number)
    t.find("CHARGEBACK", sale, sale.captured // 2)


def lost_in_the_end(t: Teller) -> None:
    """Charged back, won, and charged back again: three rows, three facts, and the money is gone."""
    sale = t.sale()
    t.tell("CHARGEBACK", sale, sale.captured, 0, case=sale.number)
    t.tell("CHARGEBACK_REVERSED", sale, sale.captured, 1, case=sale.number)
    word = "SecondChargeback" if t.pse == "adyen" else None
    t.tell("CHARGEBACK", sale, sale.captured, 2, case=sale.number + 1, word=word)
    t.find("CHARGEBACK", sale, sale.captured)


def charged_back_in_two_parts(t: Teller) -> None:
    """One dispute, taken in two rows of one file."""
    sale = t.sale()
    part = sale.captured // 4
    for turn, amount in enumerate((part, sale.captured - part)):
        at = t.moment(1, 50_000 + turn)
        t.tell("CHARGEBACK", sale, amount, 1, case=sale.number, at=at)
    t.find("CHARGEBACK", sale, sale.captured)


def refunded_and_charged_back(t: Teller) -> None:
    """The refund left, and the customer's bank takes the money as well."""
    sale = t.sale()
    t.refund(sale)
    t.tell("CHARGEBACK", sale, sale.captured, 1, case=sale.number)
    t.find("CHARGEBACK", sale, sale.captured)


def word_of_tomorrow(t: Teller) -> None:
    """The PSE invents a word for a row."""
    word = f"Novelty{t.turn}Of{t.pse.title()}"
    if t.pse == "pix":
        sale = t.sale()
        t.tell("REFUND", sale, 100, refund=sale.number * 10 + 9, foreign=True, status=word.upper())
        word = f"devolucao with status {word.upper()}"
    else:
        t.tell("OTHER_IN", None, 1_000 + t.turn, word=word)
    t.find("UNKNOWN_LINE", Subject("word", name=word), 0)


def without_a_reason(t: Teller) -> None:
    """The PSE takes money, or gives some, and its word says no more."""
    word = {"adyen": "ManualCorrected", "stripe": "other_adjustment"}[t.pse]
    t.tell("OTHER_IN" if t.turn % 3 == 0 else "OTHER", None, 2_000 + t.turn, word=word)
    t.find("ADJUSTMENT_UNEXPLAINED", Subject("word", name=word), 0)


def in_parts(t: Teller) -> tuple[Sale, Gone]:
    """A refund that is told in two rows, of two days, that come to it."""
    sale = t.sale()
    gone, part = t.refund(sale, silent=True), sale.captured // 4
    t.tell("REFUND", sale, sale.captured - part, at=gone.at, refund=gone.number)
    t.tell("REFUND", sale, part, 1, refund=gone.number)
    return sale, gone


def beyond_its_parts(t: Teller) -> None:
    """A third row is more than the refund comes to."""
    sale, gone = in_parts(t)
    t.tell("REFUND", sale, sale.captured // 8 or 1, 2, refund=gone.number)
    t.find("DUPLICATE_LINE", gone, sale.captured // 8 or 1)


def back_from_nowhere(t: Teller) -> None:
    """Money comes back without a name, and nothing is known that had left."""
    sale = t.sale()
    part = sale.captured // 4
    t.tell("RETURN", sale, part, 1)
    t.find("UNCLEAR_LINE", sale, part)


def several_can_be_it(t: Teller) -> None:
    """Two equal refunds have left, one came back, and the row does not say which."""
    sale = t.sale()
    part = sale.captured // 4
    t.refund(sale, part)
    t.refund(sale, part)
    t.tell("RETURN", sale, part, 1)
    t.find("UNCLEAR_LINE", sale, part)


def taxed(t: Teller) -> tuple[Gone, int]:
    """Half of a taxed sale is refunded: the refund, and its VAT."""
    amount = (t.chance(12, 50_000) + 500) * 4
    tax = amount * 18 // 100
    return t.refund(t.sale(amount, tax=tax), amount // 2, tax=tax // 2), tax // 2


def undocumented(t: Teller) -> tuple[Gone, int]:
    """As `taxed`, and no document takes the VAT back; where the law names a day, that day is over."""
    gone, tax = taxed(t)
    t.find("VAT_REVERSAL_NEEDED", gone, tax)
    if t.place.days_to_document is None:
        t.fine("VAT_REVERSAL_OVERDUE", about=[gone])
    else:
        t.find("VAT_REVERSAL_OVERDUE", gone, tax)
    return gone, tax


def vat_to_take_back(t: Teller) -> None:
    """No document was ever issued."""
    gone, _ = undocumented(t)
    t.fine("VAT_DOCUMENT_DIFFERS", about=[gone])


def document_of_another_tax(t: Teller) -> None:
    """The credit note takes another VAT back."""
    gone, tax = undocumented(t)
    t.document(gone, tax + 100 if t.turn % 2 else tax - 100)
    t.find("VAT_DOCUMENT_DIFFERS", gone, 100)


def document_of_a_part(t: Teller) -> None:
    """The credit note is of half of the refund, and the rest has none."""
    gone, tax = undocumented(t)
    half = gone.amount // 2
    t.document(gone, tax // 2, half)
    t.find("VAT_DOCUMENT_DIFFERS", gone, gone.amount - half)


def another_currency(t: Teller) -> None:
    """A refund in reais is told in dollars."""
    sale = t.sale()
    gone = t.refund(sale, silent=True)
    t.tell("REFUND", sale, sale.captured, refund=gone.number, currency="USD")
    t.find("CURRENCY_MISMATCH", gone, sale.captured)


def another_currency_of_an_order(t: Teller) -> None:
    """The same where the row names the order, and the refund by a name that is none of the API's: it is the order's."""
    sale = t.sale()
    gone = t.refund(sale, silent=True)
    t.tell("REFUND", sale, sale.captured, refund=gone.number, currency="USD")
    t.find("CURRENCY_MISMATCH", Subject("payment", name=f"order-{sale.number}"), sale.captured, "USD")


def a_sale_in_another_currency(t: Teller) -> None:
    """A sale is told in dollars: nothing of it is proven."""
    sale = t.sale(silent=True)
    t.tell("CAPTURE", sale, sale.captured, at=sale.at, currency="USD")
    t.find("CURRENCY_MISMATCH", sale, sale.captured)


def a_hundred_times_too_little(t: Teller) -> None:
    """One refund is told with a hundredth of it: of one row among many nobody can say that decimals were misread."""
    amount = (t.chance(12, 500) + 10) * 10_000
    gone = t.refund(t.sale(amount), told=amount // 100)
    t.find("AMOUNT_MISMATCH", gone, amount - amount // 100)
    t.fine("EXPONENT_SUSPECTED", about=[gone])


def fee_above_the_contract(t: Teller) -> None:
    """More was taken than agreed."""
    amount, off = (t.chance(12, 50_000) + 500) * 4, 5 + t.chance(11, 200)
    sale = t.sale(amount, silent=True)
    t.tell("CAPTURE", sale, amount, at=sale.at, fee=t.place.fee_of(amount), fee_off=off)
    t.find("FEE_MISMATCH", sale, off, "USD" if t.pse == "dlocal" else None)


def rate_off_the_market(t: Teller) -> None:
    """Converted at a rate far from the day's, to the merchant's harm or gain."""
    amount, off = (t.chance(12, 50_000) + 5_000) * 4, -600 if t.turn % 2 else 600
    sale = t.sale(amount, silent=True)
    t.tell("CAPTURE", sale, amount, at=sale.at, rate_off=off)
    t.find("FX_MISMATCH", sale, apart(amount, off), "USD")


STORIES: Final[Mapping[str, Story]] = {
    "another amount": Story(another_amount, NAMED),
    "capture of another amount": Story(capture_of_another_amount, REPORTED),
    "returned with another amount": Story(returned_with_another_amount, ("adyen", "conekta", "stripe")),
    "paid after its refusal": Story(paid_after_its_refusal, NAMED),
    "came back": Story(came_back, ("adyen", "conekta", "mercadopago", "pix", "stripe")),
    "somebody else's refund": Story(somebody_elses_refund, REPORTED),
    "one equal part too many": Story(one_equal_part_too_many, REPORTED),
    "unregistered sale": Story(unregistered_sale, REPORTED, 10),
    "returned by the bank": Story(returned_by_the_bank, ("pix",)),
    "the bank returns in parts": Story(bank_in_parts, ("pix",)),
    "refunded, and the bank returns it": Story(refunded_and_taken, ("pix",)),
    "refunded in the panel, too": Story(refunded_in_the_panel_too, REPORTED),
    "never told": Story(never_told, ("adyen", "conekta", "mercadopago", "pix", "stripe")),
    "told twice": Story(told_twice, NAMED),
    "told twice beside another file": Story(told_twice_beside, ("conekta",)),
    "settled twice": Story(settled_twice, ("adyen", "dlocal", "stripe")),
    "charged back": Story(charged_back, DISPUTED),
    "the rest is charged back": Story(charged_back_what_was_left, DISPUTED),
    "lost in the end": Story(lost_in_the_end, DISPUTED),
    "charged back in two parts": Story(charged_back_in_two_parts, DISPUTED),
    "refunded and charged back": Story(refunded_and_charged_back, DISPUTED),
    "without a reason": Story(without_a_reason, ("adyen", "stripe")),
    "beyond its parts": Story(beyond_its_parts, NAMED),
    "a word of tomorrow": Story(word_of_tomorrow, REPORTED, 3),
    "back from nowhere": Story(back_from_nowhere, ("mercadopago",)),
    "several can be it": Story(several_can_be_it, ("mercadopago",)),
    "VAT to take back": Story(vat_to_take_back, REPORTED),
    "document of another tax": Story(document_of_another_tax, REPORTED),
    "document of a part": Story(document_of_a_part, REPORTED),
    "another currency": Story(another_currency, ("adyen", "conekta", "stripe")),
    "another currency of an order": Story(another_currency_of_an_order, ("dlocal",)),
    "a sale in another currency": Story(a_sale_in_another_currency, CURRENCIES),
    "a hundred times too little": Story(a_hundred_times_too_little, NAMED),
    "fee above the contract": Story(fee_above_the_contract, CHARGED),
    "rate off the market": Story(rate_off_the_market, ("dlocal",)),
}
