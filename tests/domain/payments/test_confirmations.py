"""What a PSE shows of a payment, compared with what was registered."""

from dataclasses import replace
from datetime import date

import pytest

from domain.models import Payment
from domain.money import Money
from domain.payments.compared import differences, other_amount
from domain.pse.capabilities import Capability, Route
from domain.pse.vocabulary import Method, Shown

ABLE = Capability(Route.ORIGINAL, "a test", date(2026, 1, 1), payment_look_up=True)
NAMED = replace(ABLE, route=Route.PAYOUT_WITH_DESTINATION)
SHOWN = Shown(
    frozenset({"P1"}), Money(5_000, "MXN"), "paid", True, frozenset({Method.SPEI, Method.BANK_TRANSFER}), "SE"
)


@pytest.mark.parametrize(
    ("able", "shown", "said"),
    [
        (ABLE, SHOWN, None),
        (ABLE, replace(SHOWN, amount=Money(9_000, "MXN")), None),  # less was registered
        (ABLE, replace(SHOWN, amount=Money(4_999, "MXN")), None),  # more was registered: what is there bounds it
        (ABLE, replace(SHOWN, account="7", ours=False), "another merchant (7)"),
        (ABLE, replace(SHOWN, amount=Money(5_000, "COP")), "and MXN 50.00 was registered"),
        (ABLE, replace(SHOWN, methods=frozenset({Method.CARD})), "paid by SE, and SPEI"),
        # A word that we do not know: the money goes back to whoever paid, or to an account that somebody named.
        (ABLE, replace(SHOWN, methods=frozenset(), method_said="klarna"), None),
        (NAMED, replace(SHOWN, methods=frozenset(), method_said="klarna"), "paid by klarna, and SPEI"),
    ],
)
def test_what_differs_is_said_and_what_harms_nobody_is_let_go(able: Capability, shown: Shown, said: str | None) -> None:
    payment = Payment(pse_reference="P1", method=Method.SPEI, currency="MXN", captured=5_000)
    found = differences(payment, able, shown)
    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize(
    ("shown", "ours", "known", "said"),
    [
        (SHOWN, 0, {}, None),
        (replace(SHOWN, amount=Money(4_999, "MXN")), 0, {}, "MXN 50.00 was registered, the PSE has captured MXN 49.99"),
        (replace(SHOWN, given_back=2_000), 0, {}, "MXN 20.00 of it has left again without a refund of ours"),
        (replace(SHOWN, given_back=2_000), 2_000, {}, None),
        (replace(SHOWN, given_back=2_000), 500, {"taken_by_bank": 500, "charged_back": 1_000}, None),
    ],
)
def test_another_amount_is_said_and_what_has_left_only_where_we_do_not_know_of_it(
    shown: Shown, ours: int, known: dict[str, int], said: str | None
) -> None:
    payment = Payment(pse_reference="P1", method=Method.SPEI, currency="MXN", captured=5_000, **known)
    assert other_amount(payment, shown, ours) == said
