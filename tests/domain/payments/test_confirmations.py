"""What a PSE shows of a payment, compared with what was registered."""

from dataclasses import replace
from datetime import date

import pytest

from domain.models import Payment
from domain.money import Money
from domain.payments.confirmations import differences
from domain.pse.capabilities import Capability, Route
from domain.pse.vocabulary import Method, Shown

ABLE = Capability(Route.ORIGINAL, "a test", date(2026, 1, 1), payment_look_up=True)
NAMED = replace(ABLE, route=Route.PAYOUT_WITH_DESTINATION)
SHOWN = Shown(
    frozenset({"P1"}), Money(5_000, "MXN"), "paid", True, frozenset({Method.SPEI, Method.BANK_TRANSFER}), "SE"
)
OURS = "810882223"


@pytest.mark.parametrize(
    ("able", "client_id", "shown", "said"),
    [
        (ABLE, OURS, SHOWN, None),
        (ABLE, OURS, replace(SHOWN, amount=Money(9_000, "MXN")), None),  # less was registered
        (ABLE, OURS, replace(SHOWN, account=OURS), None),
        (ABLE, "acct_1", replace(SHOWN, account="7"), None),  # another name of the account than the PSE's number
        (ABLE, OURS, replace(SHOWN, account="7"), "another merchant (7)"),
        (ABLE, OURS, replace(SHOWN, amount=Money(4_999, "MXN")), "MXN 49.99, and MXN 50.00"),
        (ABLE, OURS, replace(SHOWN, amount=Money(5_000, "COP")), "and MXN 50.00 was registered"),
        (ABLE, OURS, replace(SHOWN, captured=False, status="pending"), "not captured (pending)"),
        (ABLE, OURS, replace(SHOWN, methods=frozenset({Method.CARD})), "paid by SE, and SPEI"),
        # A word that we do not know: the money goes back to whoever paid, or to an account that somebody named.
        (ABLE, OURS, replace(SHOWN, methods=frozenset(), method_said="klarna"), None),
        (NAMED, OURS, replace(SHOWN, methods=frozenset(), method_said="klarna"), "paid by klarna, and SPEI"),
    ],
)
def test_what_differs_is_said_and_what_harms_nobody_is_let_go(
    able: Capability, client_id: str, shown: Shown, said: str | None
) -> None:
    payment = Payment(pse_reference="P1", method=Method.SPEI, currency="MXN", captured=5_000)
    found = differences(payment, able, client_id, shown)
    assert found is None if said is None else said in (found or "")
