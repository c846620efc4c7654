"""Fees, rates and quotes over the public API."""

import base64
from datetime import UTC, datetime
from typing import Any

from domain.access.tokens import Role
from tests.api.conftest import Enter, global_id
from tests.kit.factories import a_key, a_payment, a_refund, a_shop

_ERRORS = "errors { __typename ... on Error { code message path } }"
SET = f"""mutation M($input: FeeScheduleSetInput!) {{ feeScheduleSet(input: $input) {{
  schedule {{ id percent fixed {{ display }} method originalFee validFrom }} {_ERRORS} }} }}"""
LIST = "{ feeSchedules(first: 1) { edges { node { percent withdrawnAt } } pageInfo { hasNextPage } } }"
ON = "query L($day: Date!) { feeSchedules(first: 5, on: $day) { edges { node { id } } } }"
GONE = f"""mutation M($input: FeeScheduleWithdrawInput!) {{ feeScheduleWithdraw(input: $input) {{
  schedule {{ withdrawnBy }} {_ERRORS} }} }}"""
RATES = f"""mutation M($input: FxRatesImportInput!) {{ fxRatesImport(input: $input) {{
  entered passedOver {_ERRORS} }} }}"""
PTAX = "27112026;220;A;USD;5,4312;5,4318;1,0;1,0\n27112026;055;A;BTN;0,06;0,0601;90,1;90,2\n"
QUOTE = f"""query Q($input: RefundQuoteInput!) {{ refundQuote(input: $input) {{
  quote {{ id amount {{ display }} taxAmount {{ minorUnits }} totalCost {{ display }}
    costs {{ name amount {{ minorUnits }} isGain unknownBecause basis {{ rule scheduleId source }} }}
    way takes {{ typicalDays atMostDays source }} refundableUntil alternatives {{ kind says }} }}
  approval {{ needs {{ rule }} candidates {{ __typename }} }}
  {_ERRORS.replace("}", "... on AmountExceedsRefundableError { refundable { minorUnits } } }", 1)} }} }}"""
REFUND = """query R($by: RefundBy!) { refund(by: $by) { quote { id } actualCost { fee { display } } } }"""


def _fee(connection: Any, **more: Any) -> dict[str, Any]:
    given = {"kind": "REFUND", "currency": "BRL", "percent": "0.5", "fixed": "30", "originalFee": "KEPT"}
    named = {"connectionId": str(connection.id), "validFrom": "2025-01-01", "source": "Contract 7"}
    return {**given, **named, "idempotencyKey": a_key(), **more}


async def test_fees_are_entered_listed_and_withdrawn_and_a_quote_names_its_basis(enter: Enter) -> None:
    accountant = await enter(Role.ACCOUNTANT)
    shop = accountant.shop
    made = (await accountant.ask(SET, input=_fee(shop.connection)))["schedule"]
    assert (made["percent"], made["fixed"]["display"], made["method"]) == ("0.5", "BRL 0.30", None)
    for wrong, path in (
        ({"percent": "1e400"}, "percent"), ({"percent": "-1"}, "percent"), ({"fixed": "-1"}, "fixed"),
        ({"currency": "KWD"}, None), ({"taxPercent": "101"}, "taxPercent"), ({"source": " "}, "source"),
        ({"originalFee": None}, None), ({"validFrom": "0001-01-01"}, "validFrom"),
    ):  # fmt: skip
        told = await accountant.post({"query": SET, "variables": {"input": _fee(shop.connection, **wrong)}})
        payload = (told.json().get("data") or {}).get("feeScheduleSet")
        if payload is None:
            assert told.json()["errors"], wrong
            continue
        assert (payload["schedule"], payload["errors"][0]["code"]) == (None, "INVALID_INPUT"), wrong
        assert path in (None, payload["errors"][0]["path"][-1])
    for day, count in (("2024-12-31", 0), ("2025-01-01", 1), ("2036-01-01", 1)):
        listed = await accountant.ask(ON, day=day)
        assert len(listed["edges"]) == count, day
    other = await a_shop(name="Outra")
    assert (await accountant.ask(SET, input=_fee(other.connection)))["errors"][0]["code"] == "NOT_FOUND"
    requester = await enter(Role.REQUESTER, shop)
    payment = await a_payment(shop, tax=1_800)
    given = {"paymentId": global_id(payment), "amount": {"minorUnits": "5000", "currency": "BRL"}}
    found = await requester.ask(QUOTE, input=given)
    costs = {one["name"]: one for one in found["quote"]["costs"]}
    assert costs["REFUND_FEE"]["amount"] == {"minorUnits": "55"}
    assert costs["REFUND_FEE"]["basis"]["scheduleId"] == made["id"]
    assert costs["ORIGINAL_FEE"]["amount"] is None
    assert costs["ORIGINAL_FEE"]["unknownBecause"]
    assert (found["quote"]["taxAmount"], found["quote"]["totalCost"]) == ({"minorUnits": "900"}, None)
    assert (found["quote"]["way"], found["approval"]["needs"]) == ("ORIGINAL", [])
    refund = await a_refund(shop, payment, 5_000)
    read = await accountant.ask(REFUND, by={"id": global_id(refund)})
    assert read == {"quote": {"id": found["quote"]["id"]}, "actualCost": None}
    over = await requester.ask(QUOTE, input={**given, "amount": {"minorUnits": "5001", "currency": "BRL"}})
    assert over["errors"][0]["__typename"] == "AmountExceedsRefundableError"
    assert over["errors"][0]["refundable"] == {"minorUnits": "5000"}
    assert (await accountant.ask(GONE, input={"feeScheduleId": made["id"]}))["schedule"]["withdrawnBy"] == "tester"
    assert (await accountant.ask(GONE, input={"feeScheduleId": "9" * 30}))["errors"][0]["code"] == "INVALID_INPUT"
    (edge,) = (await accountant.ask(LIST))["edges"]
    assert edge["node"]["withdrawnAt"] > datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    refused = await requester.post({"query": LIST})
    assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_file_of_rates_is_entered_whole_once_or_not_at_all(enter: Enter) -> None:
    accountant = await enter(Role.ACCOUNTANT)

    def of(text: str, key: str) -> dict[str, Any]:
        return {
            "layout": "PTAX",
            "source": "BCB, PTAX",
            "fileContent": base64.b64encode(text.encode()).decode(),
            "idempotencyKey": key,
        }

    key = a_key()
    for _ in range(2):
        told = await accountant.ask(RATES, input=of(PTAX, key))
        assert (told["entered"], told["passedOver"], told["errors"]) == (2, 1, [])
    wrong = await accountant.ask(RATES, input=of(PTAX.replace("5,4318", "x"), a_key()))
    assert (wrong["entered"], wrong["errors"][0]["code"]) == (None, "INVALID_INPUT")
    assert "Line 1" in wrong["errors"][0]["message"]
    rates = await accountant.ask("{ fxRates(first: 10) { edges { node { base quote side rate fileSha256 } } } }")
    told = [(edge["node"]["side"], edge["node"]["rate"]) for edge in rates["edges"]]
    assert told == [("SELL", "5.4318"), ("BUY", "5.4312")]
