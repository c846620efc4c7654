"""Fees by schedule: which one holds, what it comes to, and what a night makes of a report that charges otherwise."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Deed, FeeSchedule, Finding
from domain.models.quotes import FeeKind, OriginalFee
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, NotFound
from domain.pse.vocabulary import Method, Succeeded
from domain.settlements import fees, schedules, tabled
from domain.settlements.schedules import Terms
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.nights import run_stripe, stripe_line, today

pytestmark = pytest.mark.usefixtures("books")


def _long_ago() -> date:
    return today() - timedelta(days=400)


def _terms(shop: Shop, percent: str, **more: Any) -> Terms:
    given = {
        "connection_id": shop.connection.id,
        "kind": FeeKind.PAYMENT,
        "currency": "BRL",
        "valid_from": _long_ago(),
        "source": "Contract 7, annex II",
        **more,
    }
    return Terms(percent=Decimal(percent), **given)


async def _enter(shop: Shop, *terms: Terms, key: str | None = None) -> list[FeeSchedule]:
    boss = a_person(shop, "boss", Role.ADMIN)
    return list(await schedules.enter(boss, "feeScheduleSet", terms, key or a_key(), CAUSE))


async def test_the_fee_is_exact_bounded_taxed_and_rounded_once() -> None:
    shop = await a_shop(pse="stripe")
    on = today()
    assert await fees.expected_fee(shop.connection.id, "CARD", FeeKind.PAYMENT, 10_000, "BRL", on) is None
    (all_methods,) = await _enter(shop, _terms(shop, "3.99", fixed=39))
    (of_pix,) = await _enter(shop, _terms(shop, "1.19", method="PIX", minimum=50, maximum=1_000))
    await _enter(shop, _terms(shop, "3.6", currency="MXN", fixed=300, tax_percent=Decimal(16)))
    await _enter(shop, _terms(shop, "2.95", currency="CLP", tax_percent=Decimal(19)))

    async def cost(method: str, amount: int, currency: str = "BRL") -> tuple[Decimal, int]:
        found = await fees.expected_fee(shop.connection.id, method, FeeKind.PAYMENT, amount, currency, on)
        assert found is not None
        return found.exact, found.amount

    assert await cost("CARD", 10_050) == (Decimal("439.995"), 440)
    assert await cost("PIX", 100) == (Decimal(50), 50)
    assert await cost("PIX", 10**13) == (Decimal(1_000), 1_000)
    assert await cost("CARD", 10**13) == (Decimal("399000000039"), 399_000_000_039)
    assert await cost("CARD", 9_999, "MXN") == (Decimal("765.55824"), 766)
    assert await cost("CARD", 990, "CLP") == (Decimal("34.75395"), 35)
    found = await fees.expected_fee(shop.connection.id, "PIX", FeeKind.PAYMENT, 1, "BRL", on)
    assert found is not None
    assert (found.schedule_id, found.source) == (of_pix.id, "Contract 7, annex II")
    for method, kind, currency, day in (
        ("CARD", FeeKind.REFUND, "BRL", on), ("CARD", FeeKind.PAYMENT, "USD", on),
        ("CARD", FeeKind.PAYMENT, "BRL", _long_ago() - timedelta(days=1)),
    ):  # fmt: skip
        assert await fees.expected_fee(shop.connection.id, method, kind, 1, currency, day) is None
    await schedules.withdraw(a_person(shop, "boss", Role.ADMIN), all_methods.id, CAUSE)
    assert await fees.expected_fee(shop.connection.id, "CARD", FeeKind.PAYMENT, 1, "BRL", on) is None


async def test_what_begins_later_ends_what_was_before_and_the_same_day_again_corrects_it() -> None:
    shop, on = await a_shop(pse="stripe"), today()

    async def percent(day: Any) -> Decimal | None:
        found = await fees.expected_fee(shop.connection.id, "CARD", FeeKind.PAYMENT, 100_00, "BRL", day)
        return None if found is None else found.exact / 100

    await _enter(shop, _terms(shop, "3"))
    await _enter(shop, _terms(shop, "4", valid_from=on + timedelta(days=30)))
    await _enter(shop, _terms(shop, "1", valid_from=on - timedelta(days=9), valid_to=on - timedelta(days=5)))
    days = [on + timedelta(days=number) for number in (-9, -5, -4, 0, 29, 30, 3_000)]
    assert [await percent(day) for day in days] == [1, 1, 3, 3, 3, 4, 4]
    # The first is corrected from its own day on: what began later stands.
    await _enter(shop, _terms(shop, "2.5"))
    assert [await percent(day) for day in days] == [1, 1, Decimal("2.5"), Decimal("2.5"), Decimal("2.5"), 4, 4]


async def test_what_no_contract_says_is_refused_whole_and_another_merchants_connection_is_none() -> None:
    shop, other = await a_shop(pse="stripe"), await a_shop(name="Outra", pse="stripe")
    good = _terms(shop, "3")
    refused = (
        _terms(shop, "3", valid_to=_long_ago() - timedelta(days=1)),
        _terms(shop, "3", valid_from=today() + timedelta(days=3_650)),
        _terms(shop, "3", minimum=9, maximum=8),
        _terms(shop, "3", original_fee=OriginalFee.KEPT),
        _terms(shop, "3", kind=FeeKind.REFUND),
        _terms(shop, "3", kind=FeeKind.FX, fixed=1),
        good,
    )
    for one in refused:
        with pytest.raises(InvalidInput, match="Row 2"):
            await _enter(shop, good, one)
    with pytest.raises(NotFound):
        await _enter(shop, good, _terms(other, "3"))
    with pytest.raises(Forbidden):
        await schedules.enter(a_person(shop, "ana", Role.SUPPORT), "feeScheduleSet", [good], a_key(), CAUSE)
    assert await FeeSchedule.all().count() == 0
    key = a_key()
    (first,) = await _enter(shop, good, key=key)
    assert [one.id for one in await _enter(shop, good, key=key)] == [first.id]
    with pytest.raises(IdempotencyConflict):
        await _enter(shop, _terms(shop, "3.1"), key=key)
    assert [one.operation for one in await Deed.filter(merchant_id=shop.id)] == ["feeScheduleSet"]
    with pytest.raises(NotFound):
        await schedules.withdraw(a_person(other, "eva", Role.ADMIN), first.id, CAUSE)


FILE = """kind,method,currency,percent,fixed,tax_percent,original_fee,valid_from,source
PAYMENT,,MXN,3.6,300,16,,2025-01-01,"Price list, 2025"
REFUND,CARD,MXN,0,,,KEPT,2025-01-01,"Price list, 2025"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE.replace("3.6", "1e400"), "Line 2.*percentage"),
        (FILE.replace("3.6", "-3"), "Line 2.*percentage"),
        (FILE.replace("3.6", "100.1"), "Line 2.*percentage"),
        (FILE.replace("3.6", "٣"), "Line 2.*percentage"),
        (FILE.replace("3.6", "NaN"), "Line 2.*percentage"),
        (FILE.replace("300", "3.5"), "Line 2.*minor units"),
        (FILE.replace("300", "9" * 15), "Line 2.*minor units"),
        (FILE.replace("MXN,0", "KWD,0"), "Line 3.*not a currency"),
        (FILE.replace("CARD", "CASH"), "Line 3.*method"),
        (FILE.replace("REFUND,", "TAX,"), "Line 3.*kind"),
        (FILE.replace("KEPT,2025-01-01", "KEPT,2025-02-30"), "Line 3.*no day"),
        (FILE.replace("KEPT,2025-01-01", "KEPT,0001-01-01"), "Line 3.*on or after"),
        (FILE.replace("kind,method", "kind,kind"), "first line"),
        (FILE + "PAYMENT\n", "Line 4 has 1 columns"),
        (FILE + '"x', "Line 4 is no CSV"),
        (FILE.splitlines()[0], "no rows"),
        ("", "first line"),
        (FILE + "\0", "no text"),
        (FILE + "x" * tabled.BYTES_MAX, "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        tabled.fees(text.encode(), uuid4())


def test_a_file_of_schedules_is_read_exactly() -> None:
    connection = uuid4()
    payment, refund = tabled.fees(
        b"\xef\xbb\xbf" + FILE.replace(",", ";").replace("list; ", "list, ").encode(), connection
    )
    assert (payment.percent, payment.fixed, payment.tax_percent, payment.method) == (
        Decimal("3.6"),
        300,
        Decimal(16),
        None,
    )
    assert (refund.kind, refund.method, refund.original_fee) == (FeeKind.REFUND, "CARD", OriginalFee.KEPT)
    assert (refund.connection_id, refund.source) == (connection, "Price list, 2025")
    with pytest.raises(InvalidInput, match="names no connection"):
        tabled.fees(FILE.encode(), None)


def _charged(payment: str, gross: str, fee: str, category: str = "charge", source: str = "") -> dict[str, str]:
    net = f"{Decimal(gross) - Decimal(fee):.2f}"
    return stripe_line(category, gross, payment, source, fee=fee, net=net)


async def _open(kind: str = "FEE_MISMATCH") -> list[Finding]:
    return await Finding.filter(kind=kind, resolved_at=None).order_by("fingerprint")


async def test_a_night_says_which_fees_are_not_the_schedules_until_it_is_corrected_and_the_night_repeated() -> None:
    shop = await a_shop(pse="stripe")
    for number in range(25):
        await a_payment(shop, reference=f"pi_{number}", method=Method.CARD, days_ago=0)
    # One minor unit is rounding; a line without a payment of ours has no method, so what is of all methods counts.
    report = [_charged(f"pi_{number}", "100.00", "4.38" if number < 22 else "4.39") for number in range(25)]
    report = [
        *(line | {"fee": "4.80", "net": "95.20"} for line in report[:22]),
        *report[22:],
        _charged("pi_x", "1.00", "0.43"),
    ]
    await run_stripe(shop, report)
    assert await _open() == []
    await _enter(shop, _terms(shop, "3.99", fixed=39))
    for _ in range(2):
        await run_stripe(shop, report)
        (found,) = await _open()
        assert (found.amount, found.currency, found.detail["lines"], found.detail["differing"]) == (924, "BRL", 26, 22)
        assert (found.detail["ours"]["fee"], found.detail["theirs"]["fee"]) == ("96.36", "105.60")
        assert len(found.detail["examples"]) == fees.SHOWN_MAX
        first = found.detail["examples"][0]
        assert (first["payment"], first["amount"], first["ours"], first["theirs"]) == ("pi_0", "10000", "438", "480")
        assert "22 of 26 lines" in found.explanation
        assert "Contract 7" in found.explanation
    # The same lines in a report of the next day are the same money, and differ once.
    await run_stripe(shop, report, days=1)
    assert [one.id for one in await _open()] == [found.id]
    # The contract says 4.8 % for cards of today's kind: one differs by nothing, the rest by too little charged.
    await _enter(shop, _terms(shop, "4.80", method="CARD"))
    await run_stripe(shop, report)
    (found,) = await _open()
    assert (found.detail["method"], found.detail["differing"], found.amount) == ("CARD", 3, 123)
    await run_stripe(shop, report[:22] + [one | {"fee": "4.80", "net": "95.20"} for one in report[22:25]] + report[25:])
    assert await _open() == []
    assert await Finding.filter(kind="FEE_MISMATCH").exclude(resolved_at=None).count() == 2
    assert await invariants.check() == []


async def test_what_a_refund_costs_and_gives_back_of_the_payments_fee_is_compared() -> None:
    shop = await a_shop(pse="stripe")
    for number, part in enumerate((10_000, 2_500)):
        payment = await a_payment(shop, reference=f"pi_{number}", method=Method.CARD, days_ago=0)
        await an_answer(await a_refund(shop, payment, part), Succeeded(f"re_{number}"))
    paid = [_charged(f"pi_{number}", "100.00", "4.38") for number in range(2)]

    def refunds(whole: str, part: str) -> list[dict[str, str]]:
        given = (("-100.00", whole), ("-25.00", part))
        return [_charged(f"pi_{n}", gross, fee, "refund", f"re_{n}") for n, (gross, fee) in enumerate(given)]

    async def differing(terms: Terms, *fees_told: str) -> int:
        await _enter(shop, terms)
        await run_stripe(shop, [*paid, *refunds(*fees_told)])
        return sum(one.detail["differing"] for one in await _open())

    await _enter(shop, _terms(shop, "3.99", fixed=39))
    of: dict[str, Any] = {"kind": FeeKind.REFUND}
    kept, share, back = (of | {"original_fee": one} for one in ("KEPT", "RETURNED_PRO_RATA", "RETURNED"))
    kept, share, back = ({**one, "original_fee": OriginalFee(one["original_fee"])} for one in (kept, share, back))
    assert await differing(_terms(shop, "0", **kept), "0.00", "0.00") == 0
    assert await differing(_terms(shop, "0", **kept), "-4.38", "0.00") == 1
    assert await differing(_terms(shop, "0", **share), "-4.38", "-1.10") == 0
    assert await differing(_terms(shop, "0", fixed=25, **share), "-4.13", "-0.85") == 0
    assert await differing(_terms(shop, "0", fixed=25, **share), "-4.38", "-1.10") == 2
    # Of a part nobody can say what is returned, of the whole all is.
    assert await differing(_terms(shop, "0", **back), "-4.38", "-9.99") == 0
    assert await differing(_terms(shop, "0", **back), "0.00", "0.00") == 1
