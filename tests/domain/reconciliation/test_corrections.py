"""What a PSE took or gave and does not say why is found, and waits in SUSPENSE until a person says where it belongs."""

from typing import Any

import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.findings import money, work
from domain.findings.work import Resolution
from domain.models import Finding
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.pse import registry
from tests.kit.factories import CAUSE, Shop, a_person, a_shop
from tests.kit.lines import Telling, a_night, balance, of_nobody, open_findings

pytestmark = pytest.mark.usefixtures("books")
SUSPENSE, FEES, ADJUSTED = Account.SUSPENSE, Account.FEES, Account.PSE_ADJUSTMENTS


def _correction(net: str, word: str = "ManualCorrected", **more: Any) -> dict[str, Any]:
    return of_nobody("CORRECTION", net, **more) | {"kind": word}


async def _stands(shop: Shop, *accounts: Account) -> tuple[int, ...]:
    assert await invariants.check() == []
    return tuple([await balance(shop, one) for one in accounts])


async def test_rows_without_a_reason_are_one_finding_for_each_word_and_currency_of_a_file() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    await a_night(
        shop,
        *(_correction(net) for net in ("-900.00", "-100.00", "250.00")),
        _correction("70.00", "DepositCorrection"),
        _correction("-5.00", currency="USD"),
        *(_correction(net, "OnAndOff") for net in ("-3.00", "3.00")),
        of_nobody("ADJUSTMENT", "-80.00"),
    )
    found = await Finding.filter(kind="ADJUSTMENT_UNEXPLAINED", resolved_at=None).order_by("amount")
    assert [(one.amount, one.currency) for one in found] == [(500, "USD"), (7_000, "BRL"), (75_000, "BRL")]
    assert {one.id: (await money.of(one)).own for one in found} == dict(
        zip((one.id for one in found), (500, -7_000, 75_000), strict=True)
    )
    assert await open_findings() == ["ADJUSTMENT_UNEXPLAINED"] * 3
    assert await _stands(shop, SUSPENSE, ADJUSTED) == (75_000 - 7_000 + 500, 8_000)


async def test_a_person_says_where_it_belongs_and_other_rows_open_it_again() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ana = a_person(shop, "ana", Role.ACCOUNTANT)
    row = _correction("-90.00")
    await a_night(shop, row)
    finding = await Finding.get()
    await work.resolve(ana, finding.id, Resolution(ClosingReason.FEE, "For a chargeback of May."), CAUSE)
    assert await _stands(shop, SUSPENSE, FEES) == (0, 9_000)
    await a_night(shop, row)
    assert (await open_findings(), await _stands(shop, SUSPENSE, FEES)) == ([], (0, 9_000))
    await a_night(shop, row, row | {"settled_net": "-10.00", "amount": 1_000})
    assert (await open_findings(), await _stands(shop, SUSPENSE, FEES)) == (["ADJUSTMENT_UNEXPLAINED"], (10_000, 0))
    await a_night(shop)
    assert (await open_findings(), await _stands(shop, SUSPENSE)) == ([], (0,))
    await a_night(shop, row)
    assert (await open_findings(), await _stands(shop, SUSPENSE)) == (["ADJUSTMENT_UNEXPLAINED"], (9_000,))
