"""What happened to others with amounts, banks, balances, reports and documents, and where it is played here.

The situation in plain words, then the stories of the generator that tell it and the tests that play it; or, where it
cannot happen here, why. Each story and test is there: tests/trials/labelled/test_histories.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Played:
    """`stories`: of jobs/synth/labelled. `tests`: path below tests/ and name. `never`: why it cannot happen."""

    stories: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    never: str = ""


_REQUEST: Final = "domain/refunds/test_request.py::"
_LINES: Final = "domain/reconciliation/test_lines.py::"
_CHARGED: Final = "domain/payments/test_chargebacks.py::"
_ADYEN: Final = "domain/pse/adyen/test_lines.py::"
_DLOCAL: Final = "domain/pse/dlocal/test_lines.py::"
_STRIPE: Final = "histories/test_stripe.py::"
_PIX: Final = "histories/test_pix.py::"
_ALL_LEFT: Final = f"{_REQUEST}test_an_amount_left_out_means_everything_that_is_left"
_MORE: Final = f"{_REQUEST}test_more_than_is_left_is_refused_with_the_facts_and_leaves_nothing_behind"
_NOTHING: Final = f"{_REQUEST}test_nothing_left_is_said_instead_of_a_refund_of_nothing"
_CURRENCY: Final = f"{_REQUEST}test_wrong_currency_and_zero_are_refused"
_WHOLE_VAT: Final = f"{_REQUEST}test_vat_of_the_parts_closes_to_the_whole"
_OTHER_AMOUNT: Final = (
    "histories/test_adyen.py::test_a_webhook_that_confirms_another_amount_than_was_asked_for_calls_a_person"
)
_NO_CENTS: Final = (
    "domain/pse/stripe/test_connector.py::test_amounts_are_minor_units_and_so_whole_pesos_where_there_is_no_cent"
)
_CUMULATIVE: Final = f"{_STRIPE}test_whatever_shape_charge_refunded_has_it_moves_nothing_and_no_refund_is_lost"
_FOREIGN_PIX: Final = (
    f"{_PIX}test_a_refund_that_the_pse_or_its_app_has_made_under_an_id_of_its_own_is_adopted_and_found"
)
_PIX_PARTS: Final = f"{_PIX}test_what_the_bank_takes_in_parts_counts_part_by_part_beside_a_refund_of_ours"
_WON: Final = f"{_CHARGED}test_what_is_won_again_is_refundable_again_and_a_second_chargeback_takes_it_again"
_EMPTY: Final = (
    "histories/test_mercadopago.py::test_an_empty_account_fails_no_refund_which_leaves_when_the_account_has_money"
)
_EMPTY_PIX: Final = f"{_PIX}test_an_empty_account_refuses_a_devolucao_and_another_leaves_when_it_has_money"
_WAITS: Final = f"{_STRIPE}test_without_a_balance_a_refund_to_a_card_waits_and_another_fails"
_OFF_THE_WIRE: Final = "domain/refunds/test_by_hand.py::test_what_may_be_at_the_pse_cannot_be_taken_off_the_wire"
_OTHER_NAME: Final = (
    "domain/payments/test_told_before.py::test_a_payment_that_is_registered_under_its_other_name_finds_its_lines"
)
_NO_ITEMS: Final = "a refund is of money: no item, shipping or stock of an order is kept here"

AMOUNTS: Final[Mapping[str, Played]] = {
    "the agent asked for a part, and the whole order was confirmed": Played(("another amount",), (_OTHER_AMOUNT,)),
    "minor units were read as major ones": Played(("decimals misread", "a hundredth"), (_NO_CENTS,)),
    "the value of one currency was sent with the code of another": Played(("another currency",), (_CURRENCY,)),
    "an amount was typed in the agent's currency, not the payment's": Played((), (_CURRENCY,)),
    "a hundred times too much in a currency without cents": Played(("decimals misread",), (_NO_CENTS, _MORE)),
    "a hundred times too little in a currency without cents": Played(("decimals misread",), (_NO_CENTS,)),
    "a setting made the PSE refund the whole for one item": Played(("another amount",), (_OTHER_AMOUNT,)),
    "the instalments' interest stayed with the store": Played((), (_ALL_LEFT,)),
    "the order was cancelled first, so nothing was refunded": Played((), (_NOTHING,)),
    "two payments of an order, and the rest of the refund was lost": Played(("equal sales of one customer",), (_MORE,)),
    "a coupon made the refund more than was paid": Played((), (_MORE,)),
    "a part was refunded in the PSE's pages without a reference": Played(("somebody else's refund",)),
    "two refunds were linked to one document": Played(("equal parts of one day", "one equal part too many")),
    "what was authorised and never captured came as a refund": Played(
        (), (f"{_STRIPE}test_what_was_authorised_and_not_captured_is_released_and_no_refund",)
    ),
    "a cumulative amount was added up": Played((), (_CUMULATIVE,)),
    "a part of what was not captured was to be refunded": Played(
        (), (f"{_STRIPE}test_what_was_authorised_and_not_captured_is_released_and_no_refund",)
    ),
    "a refund of a capture wants the payment's id": Played(
        ("captured in parts",), ("jobs/test_reconciliation_adyen.py::test_a_payment_captured_in_parts_is_proven_whole",)
    ),
    "a gift card and a card paid one order": Played(("equal sales of one customer",), (_MORE,)),
    "the lines' sum was a cent above the total": Played(("nearly all",), (_WHOLE_VAT,)),
    "the default currency went with the order's number": Played(("another currency",), (_CURRENCY,)),
    "two Pix paid one charge": Played(
        (), (f"{_PIX}test_two_pix_of_one_charge_are_each_refunded_up_to_their_own_amount",)
    ),
    "a boleto was paid in part": Played((), (_ALL_LEFT,)),
    "the PSE does not tell how much of a partial void": Played(
        (), ("domain/pse/test_contract.py::test_partial_refunds_come_one_after_the_other",)
    ),
    "parts that were refunded in the panel were taken for the whole": Played(
        ("somebody else's refund",),
        ("jobs/test_reconciliation_mercadopago.py::test_a_refund_of_the_panel_is_booked_once_whoever_tells_it_first",),
    ),
}

BANKS: Final[Mapping[str, Played]] = {
    "the PSP makes a devolucao with an id of its own": Played(("returned by the bank",), (_FOREIGN_PIX,)),
    "own refund and MED, the MED in parts": Played(
        ("the bank returns in parts", "refunded, and the bank returns it"), (_PIX_PARTS,)
    ),
    "nobody answered the bank, which means yes": Played(("returned by the bank",)),
    "the agent returned money in the bank's app": Played(("somebody else's refund",), (_FOREIGN_PIX,)),
    "paid in cash, and sent to the PSE as well": Played(
        ("paid from the bank",),
        ("domain/refunds/test_by_hand.py::test_the_pse_coming_back_does_not_pay_what_a_person_has_taken",),
    ),
    "a refund in the panel, and another of ours later": Played(
        ("somebody else's refund", "refunded in the panel, too"),
        ("jobs/test_reconciliation_stripe.py::test_a_refund_made_in_the_dashboard_is_booked_once_and_found",),
    ),
    "a refund put all items back into stock": Played(never=_NO_ITEMS),
    "a refund while the dispute had taken the money": Played(
        ("refunded and charged back",), (f"{_CHARGED}test_a_finding_says_that_a_refund_under_way_may_leave_too",)
    ),
    "the buyer's bank returned a debit that was refunded": Played(
        ("refunded and charged back",),
        (f"{_CHARGED}test_a_chargeback_of_a_payment_that_was_refunded_says_that_more_left_than_came",),
    ),
    "refund and chargeback, in either order, on other days": Played(
        ("refunded and charged back", "same amount as another's"),
        ("histories/test_adyen.py::test_a_refund_and_a_chargeback_are_two_facts_in_either_order",),
    ),
    "lost, and won on the next day": Played(("won dispute",), (_WON,)),
    "a part refunded, the dispute of the rest lost": Played(("the rest is charged back",)),
    "the chargeback is what the refunds have left": Played(
        ("the rest is charged back",),
        (f"{_CHARGED}test_a_chargeback_of_what_partial_refunds_have_left_is_no_more_than_that",),
    ),
    "taken, given back, and taken again, in three files": Played(
        ("lost in the end",), ("histories/test_reports.py::test_a_chargeback_that_goes_to_and_fro_is_three_facts",)
    ),
    "one dispute taken in two rows": Played(
        ("charged back in two parts",),
        ("histories/test_reports.py::test_a_chargeback_that_is_taken_in_two_parts_counts_whole",),
    ),
    "a chargeback of a payment that nobody knows": Played(
        (), (f"{_CHARGED}test_a_chargeback_of_a_payment_that_we_do_not_know_is_found",)
    ),
    "the words lost and won were taken for each other": Played(
        ("won dispute",), (f"{_DLOCAL}test_a_chargeback_that_was_won_is_reversed",)
    ),
    "a second chargeback after the first was reversed": Played(("lost in the end",), (_WON,)),
}

BALANCES: Final[Mapping[str, Played]] = {
    "an empty balance: refunds never left, and were told as done": Played((), (_EMPTY, _EMPTY_PIX)),
    "too low a balance has two words, now and by webhook": Played((), (_EMPTY, _WAITS)),
    "cards wait for a balance, other methods fail": Played((), (_WAITS,)),
    "the gross is needed, and the fee is not in the balance": Played((), (_EMPTY,)),
    "all of the first sale is refunded at once, its fee is gone": Played((), (_EMPTY_PIX,)),
    "a queued refund is alive": Played((), (_OFF_THE_WIRE,)),
    "a refund expired without money, unseen": Played(("came back",), (_OFF_THE_WIRE,)),
    "the platform cancelled a refund for want of money": Played(
        ("refused and told so",), (f"{_STRIPE}test_a_refund_that_is_canceled_in_the_dashboard_frees_its_amount",)
    ),
    "refund or void, by the clock": Played(never="no connector has two verbs for one refund"),
    "the window closed between request and approval": Played(
        (),
        (
            f"{_REQUEST}test_a_pix_of_91_days_ago_is_refused_with_the_date_until_when_it_was_possible",
            "domain/refunds/test_record.py::test_a_refund_that_never_left_is_expired_when_its_window_has_closed",
        ),
    ),
    "parts are not possible there, and nobody said so before": Played(
        (), ("domain/refunds/test_by_hand.py::test_where_the_pse_has_no_payout_wire_a_person_gets_the_instruction",)
    ),
    "a wave of refunds after the payouts were swept": Played(("a batch of refunds alone",), (_EMPTY, _EMPTY_PIX)),
    "a negative sub-account eats each transfer": Played(never="no transfers between accounts are made here"),
    "a refund after its sale was paid out": Played(("a batch of refunds alone", "told a day later")),
}

REPORTS: Final[Mapping[str, Played]] = {
    "several settlements of one date overwrote each other": Played(
        ("written in another way, 5",),
        ("histories/test_reports.py::test_several_settlements_of_one_date_stand_beside_each_other",),
    ),
    "costs of one amount in one second were taken for one": Played(
        ("fees of one second",),
        ("histories/test_reports.py::test_rows_that_look_alike_are_each_a_row_also_on_the_next_date",),
    ),
    "a day's fee stands in the next batch, too": Played(("fee of the next batch",)),
    "one batch under two names": Played(("the same batch under two names",)),
    "columns moved overnight": Played(
        ("written in another way, 5", "another report"),
        (f"{_ADYEN}test_columns_may_stand_in_any_order_and_new_ones_may_come",),
    ),
    "usd here, USD there": Played(("written in another way, 7",)),
    "a fast refund had another type and was booked as income": Played(
        ("a word of tomorrow",), (f"{_ADYEN}test_money_that_went_the_other_way_than_its_type_says_proves_nothing",)
    ),
    "sparse refunds without ids collided": Played(
        ("one equal part too many", "equal parts of one day"),
        (f"{_LINES}test_of_equal_money_that_left_as_much_is_taken_back_as_came_back",),
    ),
    "the refund's currency is not the payout's": Played(
        ("half of a per cent off", "rate off the market"),
        (f"{_ADYEN}test_a_payment_in_another_currency_than_the_payout_keeps_both",),
    ),
    "a fee comes back months later, far from its row": Played(("a fee that comes back",)),
    "sale in one batch, refund in another": Played(("told a day later", "came back")),
    "refunds rewrote the fee and date of their sale": Played(
        ("fee given back with its refund",), (f"{_ADYEN}test_what_a_row_did_to_the_balance_is_signed_and_adds_up",)
    ),
    "a part of the fee was given back in the refund's row": Played(("fee given back with its refund",)),
    "the dispute's fee stands in the chargeback's row": Played(("charged back",)),
    "the batch is payout and corrections": Played(
        ("corrections",), (f"{_ADYEN}test_a_batch_that_does_not_add_up_says_both_numbers",)
    ),
    "two batches in one file, and no payout figure": Played(
        ("still open",), (f"{_ADYEN}test_each_currency_of_a_batch_adds_up_by_itself",)
    ),
    "a batch that never adds up, and a reason why": Played(("paid out less", "totals against rows")),
    "the refund's rate is not the sale's": Played(("half of a per cent off", "rate off the market")),
    "no parent was found, so a new sale was made": Played(("unregistered sale",), (_OTHER_NAME,)),
    "the id's column means another thing by another route": Played(
        ("equal sales of one customer",),
        (f"{_DLOCAL}test_refunds_are_matched_by_id_where_it_is_the_same_else_by_order_and_amount", _OTHER_NAME),
    ),
    "refunds and payments have ids of their own, and may be equal": Played(
        (), (f"{_DLOCAL}test_a_refund_that_is_named_by_its_id_is_not_given_to_another_row_too",)
    ),
    "new row types, dates in the header alone, rounded totals": Played(
        ("a word of tomorrow", "fees of one second"),
        (f"{_DLOCAL}test_totals_may_be_off_by_the_rounding_of_the_rows",),
    ),
    "a fee with a negative amount is a credit": Played(("a fee that comes back",)),
    "the payout is not its rows": Played(
        ("paid out less",),
        ("domain/pse/stripe/test_reports.py::test_a_payout_that_does_not_add_up_says_the_two_numbers",),
    ),
    "one odd row stopped the whole report": Played(
        ("a word of tomorrow",),
        (f"{_ADYEN}test_a_row_with_a_cell_that_cannot_be_used_is_other_and_most_such_rows_are_refused",),
    ),
    "codes repeat, dates go back into a closed month": Played(
        (), ("jobs/test_reconciliation_ebanx.py::test_two_refunds_under_one_code_call_a_person",)
    ),
    "one column is a hundred times off": Played(("decimals misread", "decimals made up", "a hundredth")),
    "the PSE's day is not the merchant's": Played(
        ("just before midnight",), (f"{_ADYEN}test_the_business_date_is_the_merchants",)
    ),
    "a report of intentions was read as one of money": Played(("another report",)),
    "a refund whose sale was never imported": Played(("refund before its sale", "unregistered sale")),
    "one return is a refund and its shipping": Played(
        ("shipping given back",),
        ("domain/pse/mercadopago/test_real_files.py::test_operations_of_the_settlement_report_as_they_were_seen",),
    ),
}

DOCUMENTS: Final[Mapping[str, Played]] = {
    "the document is less than the money": Played(("document of a part",)),
    "shipping may be credited on one of two invoices alone": Played(never=_NO_ITEMS),
    "the notes of the parts are a cent more than the invoice": Played(
        ("documented in parts", "document of the sale"), (_WHOLE_VAT,)
    ),
    "the tax of the parts is more than was charged": Played(
        (), (_WHOLE_VAT, f"{_REQUEST}test_vat_given_back_by_a_failed_part_is_allocated_again")
    ),
    "the note was refused, or came too late, after the money left": Played(("VAT to take back",)),
    "the authority rejected the note, and nobody saw": Played(("VAT to take back", "document of another tax")),
    "a rejected note wants another document": Played(("document of another tax",)),
    "how much of the refund is tax was not said": Played(("documented",), (_WHOLE_VAT,)),
}
TABLES: Final = {
    "amounts": AMOUNTS,
    "banks": BANKS,
    "balances": BALANCES,
    "reports": REPORTS,
    "documents": DOCUMENTS,
}
