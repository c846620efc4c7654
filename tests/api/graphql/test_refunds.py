"""Refunds over the public API, as frontend and support teams use it."""

import asyncio
import json
from typing import Any

import pytest

from domain.access.tokens import Role
from domain.models import IdempotencyKey, LedgerEntry, Payment, Refund
from domain.pse.vocabulary import Declined, InDoubt, Succeeded
from domain.refunds import refresh
from tests.api.conftest import Asker, Enter, global_id
from tests.kit.factories import CAUSE, a_key, a_payment, a_refund, an_answer

CREATE = """mutation M($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id status amount { minorUnits currency exponent display } taxAmount { minorUnits } requestId reference }
  replayed requestId errors { __typename ... on Error { code message path }
    ... on AmountExceedsRefundableError { requested { minorUnits } refundable { minorUnits } }
    ... on IdempotencyConflictError { originalRequestId }
    ... on CurrencyMismatchError { expected given }
    ... on NotRefundableError { deadlineAt } } } }"""


def wanted(payment: str, minor_units: Any = "6000", **more: Any) -> dict[str, Any]:
    return {
        "paymentId": payment,
        "amount": {"minorUnits": minor_units, "currency": "BRL"},
        "reason": "CUSTOMER_REQUEST",
        "idempotencyKey": a_key(),
        **more,
    }


async def _nothing_written(asker: Asker) -> bool:
    return not (
        await Refund.filter(merchant_id=asker.shop.id).exists()
        or await IdempotencyKey.filter(merchant_id=asker.shop.id, mutation="refundCreate").exists()
        or await LedgerEntry.filter(merchant_id=asker.shop.id, entry="RECOGNISE").exists()
    )


async def test_a_refund_is_created_and_answered_with_its_request_id(enter: Enter) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop, tax=1_800)
    answer = await asker.post({"query": CREATE, "variables": {"input": wanted(global_id(payment))}})
    payload = answer.json()["data"]["refundCreate"]
    assert payload["errors"] == []
    assert payload["refund"]["status"] == "REQUESTED"
    assert payload["refund"]["amount"] == {
        "minorUnits": "6000",
        "currency": "BRL",
        "exponent": 2,
        "display": "BRL 60.00",
    }
    assert payload["refund"]["taxAmount"] == {"minorUnits": "1080"}
    assert payload["requestId"] == payload["refund"]["requestId"] == answer.headers["x-request-id"]
    assert answer.json()["extensions"]["requestId"] == payload["requestId"]


async def test_the_same_key_is_replayed_and_another_input_is_a_typed_conflict(enter: Enter) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop)
    given = wanted(global_id(payment))
    first = await asker.ask(CREATE, input=given)
    again = await asker.ask(CREATE, input=given)
    assert (again["replayed"], again["refund"]["id"]) == (True, first["refund"]["id"])
    other = await asker.ask(CREATE, input={**given, "reason": "FRAUD"})
    assert other["refund"] is None
    assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert other["errors"][0]["originalRequestId"] == first["requestId"]


async def test_fifty_at_once_of_sixty_on_a_hundred_give_exactly_one(enter: Enter) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop, amount=10_000)
    answers = await asyncio.gather(*(asker.ask(CREATE, input=wanted(global_id(payment))) for _ in range(50)))
    assert sum(answer["refund"] is not None for answer in answers) == 1
    refused = [answer["errors"][0] for answer in answers if answer["errors"]]
    assert {error["__typename"] for error in refused} == {"AmountExceedsRefundableError"}
    assert {error["refundable"]["minorUnits"] for error in refused} == {"4000"}


async def test_twenty_at_once_with_one_key_are_one_row(enter: Enter) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop)
    given = wanted(global_id(payment))
    answers = await asyncio.gather(*(asker.ask(CREATE, input=given) for _ in range(20)))
    assert len({answer["refund"]["id"] for answer in answers}) == 1
    assert sum(answer["replayed"] for answer in answers) == 19
    assert await Refund.filter(payment_id=payment.id).count() == 1


TYPED = [
    ({"paymentId": "UGF5bWVudDo1"}, "INVALID_INPUT", ["input", "paymentId"]),
    ({"paymentId": "not an id"}, "INVALID_INPUT", ["input", "paymentId"]),
    (
        {"paymentId": "UmVmdW5kOjZmZTk3MmM0LTc1ODUtNDQ2Mi05ZGQwLWU3NmQ5NmY1NTg2MA=="},
        "INVALID_INPUT",
        ["input", "paymentId"],
    ),
    (
        {"paymentId": "UGF5bWVudDo2ZmU5NzJjNC03NTg1LTQ0NjItOWRkMC1lNzZkOTZmNTU4NjA="},
        "NOT_FOUND",
        ["input", "paymentId"],
    ),
    ({"amount": {"minorUnits": "0", "currency": "BRL"}}, "INVALID_INPUT", ["input", "amount", "minorUnits"]),
    ({"amount": {"minorUnits": "-1", "currency": "BRL"}}, "INVALID_INPUT", ["input", "amount"]),
    ({"amount": {"minorUnits": "100", "currency": "XXX"}}, "INVALID_INPUT", ["input", "amount"]),
    ({"amount": {"minorUnits": "100", "currency": "USD"}}, "CURRENCY_MISMATCH", ["input", "amount", "currency"]),
    ({"amount": {"minorUnits": "10001", "currency": "BRL"}}, "AMOUNT_EXCEEDS_REFUNDABLE", ["input", "amount"]),
    ({"idempotencyKey": "x" * 256}, "INVALID_INPUT", ["input", "idempotencyKey"]),
    ({"idempotencyKey": "short"}, "INVALID_INPUT", ["input", "idempotencyKey"]),
    ({"note": "x" * 141}, "INVALID_INPUT", ["input", "note"]),
    ({"note": "two\nlines"}, "INVALID_INPUT", ["input", "note"]),
]


@pytest.mark.parametrize(("wrong", "code", "path"), TYPED)
async def test_what_can_not_be_refunded_is_a_typed_error_and_nothing_is_written(
    enter: Enter, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop, amount=10_000)
    payload = await asker.ask(CREATE, input=wanted(global_id(payment), **wrong))
    assert payload["refund"] is None
    (error,) = payload["errors"]
    assert (error["code"], error["path"]) == (code, path)
    assert len(error["message"].split()) >= 4
    assert await _nothing_written(asker)


COERCED: list[Any] = [60.0, 60.5, "60.505", "1e3", "NaN", True, "9223372036854775808", " 1", ""]


@pytest.mark.parametrize("amount", COERCED)
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_an_amount_that_is_no_whole_number_is_refused_before_execution(
    enter: Enter, amount: Any, accept: str
) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop)
    body = {"query": CREATE, "variables": {"input": wanted(global_id(payment), amount)}}
    answer = await asker.post(body, Accept=accept)
    assert answer.status_code == (200 if accept == "application/json" else 400)
    assert "BigInt" in answer.json()["errors"][0]["message"]
    assert "data" not in answer.json()
    assert await _nothing_written(asker)


async def test_an_amount_written_as_a_float_in_the_document_is_refused(enter: Enter) -> None:
    asker = await enter(Role.FRONTEND)
    payment = await a_payment(asker.shop)
    document = f"""mutation {{ refundCreate(input: {{paymentId: "{global_id(payment)}", reason: FRAUD,
      idempotencyKey: "{a_key()}", amount: {{minorUnits: 60.5, currency: "BRL"}}}}) {{ requestId }} }}"""
    told = await asker.told(document)
    assert "BigInt" in told["errors"][0]["message"]
    assert await _nothing_written(asker)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"[]", 400),
        (b'"x"', 400),
        (b"1", 400),
        (b"{", 400),
        (b"", 400),
        (b'{"query": 1}', 400),
        (b"x" * 2_000_000, 413),
    ],
)
async def test_a_body_that_is_no_request_is_a_4xx_that_says_what_to_do(
    enter: Enter, content: bytes, status: int
) -> None:
    asker = await enter(Role.FRONTEND)
    headers = {"Authorization": f"Bearer {asker.token}", "Content-Type": "application/json"}
    answer = await asker.http.post(f"{asker.url}/graphql", content=content, headers=headers)
    assert answer.status_code == status
    assert len(answer.json()["errors"][0]["message"].split()) >= 3
    assert answer.headers["x-request-id"] == answer.json()["extensions"]["requestId"]


async def test_another_merchants_payment_and_refund_look_like_none(enter: Enter) -> None:
    mine, theirs = await enter(), await enter()
    payment = await a_payment(theirs.shop)
    refund = await a_refund(theirs.shop, payment)
    created = await mine.ask(CREATE, input=wanted(global_id(payment)))
    assert created["errors"][0]["code"] == "NOT_FOUND"
    for by in ({"id": global_id(refund)}, {"requestId": refund.request_id}, {"pseReference": refund.reference}):
        assert await mine.ask("query Q($by: RefundBy!) { refund(by: $by) { id } }", by=by) is None
    assert await mine.ask("query Q($id: ID!) { node(id: $id) { id } }", id=global_id(refund)) is None
    assert await mine.ask("query Q($id: ID!) { payment(id: $id) { id } }", id=global_id(payment)) is None
    assert await mine.ask("{ refunds(first: 10) { edges { node { id } } } }") == {"edges": []}
    for name, given in (("refundCancel", "RefundCancelInput"), ("refundRetry", "RefundRetryInput")):
        query = f"mutation M($i: {given}!) {{ {name}(input: $i) {{ errors {{ ... on Error {{ code }} }} }} }}"
        told = await mine.ask(query, i={"refundId": global_id(refund), "idempotencyKey": a_key()})
        assert told["errors"] == [{"code": "NOT_FOUND"}]


async def test_support_reads_the_whole_log_of_a_refund_by_its_request_id(enter: Enter) -> None:
    asker = await enter(Role.SUPPORT)
    refund = await a_refund(asker.shop, await a_payment(asker.shop))
    await an_answer(refund, Declined("NAO_REALIZADO", "Saldo insuficiente"))
    query = """query Q($by: RefundBy!) { refund(by: $by) { status failureCode failureMessage failureExplanation
      events { sequence kind status previousStatus requestId code }
      calls { purpose } webhooks { id } payment { id } } }"""
    found = await asker.ask(query, by={"requestId": CAUSE.request_id})
    assert (found["status"], found["failureCode"]) == ("FAILED", "NAO_REALIZADO")
    assert "balance" in found["failureExplanation"]
    assert [event["sequence"] for event in found["events"]] == [1, 2, 3]
    assert found["events"][-1]["previousStatus"] == "SUBMITTED"


async def test_who_may_what(enter: Enter) -> None:
    frontend = await enter(Role.FRONTEND)
    support = await enter(Role.SUPPORT, frontend.shop)
    payment = await a_payment(frontend.shop)
    refund = await a_refund(frontend.shop, payment, 100)
    refused = await support.ask(CREATE, input=wanted(global_id(payment)))
    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert "REQUESTER" in refused["errors"][0]["message"]
    by = {"id": global_id(refund)}
    for field in ("calls { purpose }", "ledgerEntries { kind }"):
        told = await frontend.told(f"query Q($by: RefundBy!) {{ refund(by: $by) {{ {field} }} }}", by=by)
        assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    for query in ("{ ledgerBalances { account } }", "{ findings(first: 1) { edges { node { kind } } } }",
                  "{ reconciliationRuns(first: 1) { edges { node { id } } } }"):  # fmt: skip
        assert (await support.told(query))["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Bearer est_wrong", "Basic abc"])
async def test_without_a_valid_token_there_is_nothing(enter: Enter, token: str) -> None:
    asker = await enter()
    headers = {"Authorization": token} if token else {}
    answer = await asker.http.post(f"{asker.url}/graphql", json={"query": "{ viewer { holder } }"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_one_request_moves_money_once(enter: Enter) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop)
    query = """mutation M($a: RefundCreateInput!, $b: RefundCreateInput!) {
      a: refundCreate(input: $a) { requestId } b: refundCreate(input: $b) { requestId } }"""
    told = await asker.told(query, a=wanted(global_id(payment), "1"), b=wanted(global_id(payment), "2"))
    assert "moves money once" in told["errors"][0]["message"]
    assert await _nothing_written(asker)


async def test_cancel_retry_refresh_and_doubt_over_the_api(enter: Enter) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop)
    refund = await a_refund(asker.shop, payment, 1_000)
    body = "refund { status retryOf { id } } errors { ... on Error { code } } requestId"
    canceled = await asker.ask(
        f"mutation M($input: RefundCancelInput!) {{ refundCancel(input: $input) {{ {body} replayed }} }}",
        input={"refundId": global_id(refund), "expectedSequence": 1, "idempotencyKey": a_key()},
    )
    assert canceled["refund"]["status"] == "CANCELED"
    retried = await asker.ask(
        f"mutation M($input: RefundRetryInput!) {{ refundRetry(input: $input) {{ {body} replayed }} }}",
        input={"refundId": global_id(refund), "idempotencyKey": a_key()},
    )
    assert retried["refund"]["retryOf"] == {"id": global_id(refund)}
    doubtful = await a_refund(asker.shop, payment, 2_000)
    await an_answer(doubtful, InDoubt("TIMEOUT", "no answer"))
    refreshed = await asker.ask(
        f"mutation M($input: RefundRefreshInput!) {{ refundRefresh(input: $input) {{ {body} }} }}",
        input={"refundId": global_id(doubtful)},
    )
    assert refreshed["refund"]["status"] == "SUBMITTED"
    resolve = (
        f"mutation M($input: RefundResolveDoubtInput!) {{ refundResolveDoubt(input: $input) {{ {body} confirmed }} }}"
    )
    verdict = {"refundId": global_id(doubtful), "verdict": "PAID", "evidence": "Back office, line 7: paid."}
    assert not (await asker.ask(resolve, input=verdict))["confirmed"]
    other = await enter(Role.SUPPORT, asker.shop, "another person")
    done = await other.ask(resolve, input=verdict)
    assert (done["confirmed"], done["refund"]["status"]) == (True, "SUCCEEDED")


async def test_refunds_are_paged_without_losing_or_repeating_any(enter: Enter) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop)
    made = {global_id(await a_refund(asker.shop, payment, 100)) for _ in range(7)}
    query = """query Q($after: String) { refunds(first: 3, after: $after, filter: {statuses: [REQUESTED]}) {
      edges { node { id } } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = await asker.ask(query, after=after)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        await a_refund(asker.shop, payment, 100)  # newer ones come in between
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


async def test_a_payment_is_registered_once_with_its_tax_and_its_customer_sealed(enter: Enter) -> None:
    asker = await enter(Role.FRONTEND)
    query = """mutation M($input: PaymentRegisterInput!) { paymentRegister(input: $input) { replayed
      payment { id storeCode refundable { minorUnits } refundableUntil tax { amount { minorUnits } rate } }
      errors { ... on Error { code path } } } }"""
    given = {
        "connectionId": str(asker.shop.connection.id),
        "storeCode": "sp",
        "pseReference": "E12345678202611231200abcdefghijk",
        "method": "PIX",
        "amount": {"minorUnits": "10000", "currency": "BRL"},
        "capturedAt": "2026-11-20T12:00:00-03:00",
        "customerTaxId": "52998224725",
        "tax": {"amount": {"minorUnits": "1525", "currency": "BRL"}, "rate": "18.00", "document": "NF-e 7"},
        "idempotencyKey": a_key(),
    }
    first = await asker.ask(query, input=given)
    again = await asker.ask(query, input=given)
    assert first["payment"]["refundableUntil"] == "2027-02-18T15:00:00Z"
    assert (again["replayed"], again["payment"]["id"]) == (True, first["payment"]["id"])
    row = await Payment.get(merchant_id=asker.shop.id)
    assert b"52998224725" not in bytes(row.sealed_customer or b"")
    assert row.customer_digest is not None
    other = await asker.ask(query, input={**given, "idempotencyKey": a_key()})
    assert other["errors"][0]["path"] == ["input", "pseReference"]
    for wrong in (
        {"storeCode": "zz"},
        {"connectionId": "x"},
        {"method": "OXXO"},
        {"capturedAt": "2999-01-01T00:00:00Z"},
        {"capturedAt": "0001-01-01T00:00:00Z"},
        {"pseReference": ""},
        {"amount": {"minorUnits": "0", "currency": "BRL"}},
    ):
        told = await asker.ask(query, input={**given, "idempotencyKey": a_key(), "pseReference": a_key(), **wrong})
        assert told["payment"] is None, wrong
    assert await Payment.filter(merchant_id=asker.shop.id).count() == 1


async def test_accounting_reads_a_trial_balance_that_balances(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTING)
    refund = await a_refund(asker.shop, await a_payment(asker.shop, tax=1_800), 6_000)
    await an_answer(refund, Succeeded("D1"))
    rows = await asker.ask("{ ledgerBalances { account balance debits { minorUnits } credits { minorUnits } } }")
    assert sum(int(row["balance"]) for row in rows) == 0
    balances = {row["account"]: int(row["balance"]) for row in rows}
    assert (balances["PSE_CLEARING"], balances["VAT_REVERSAL_PENDING"]) == (4_000, 1_080)


async def test_the_viewer_is_told_who_it_is(enter: Enter) -> None:
    asker = await enter(Role.SUPPORT)
    query = "{ viewer { holder permissions expiresAt merchant { name stores { code } connections { id pse } } } }"
    viewer = await asker.ask(query)
    assert viewer["merchant"]["stores"] == [{"code": "sp"}]
    assert viewer["merchant"]["connections"] == [{"id": str(asker.shop.connection.id), "pse": "pix"}]


async def test_what_fails_inside_is_masked_and_carries_the_request_id(enter: Enter) -> None:
    asker = await enter()
    refund = await a_refund(asker.shop, await a_payment(asker.shop))
    await refresh.refresh(asker.shop.id, refund.id)
    told = await asker.told("query Q($by: RefundBy!) { refund(by: $by) { id } }", by={})
    assert told["errors"]
    assert "Traceback" not in json.dumps(told)
    assert told["extensions"]["requestId"]
