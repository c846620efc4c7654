"""How many statements a page takes: as many for two rows as for twenty, whatever is asked of each."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tortoise.exceptions import DoesNotExist

from api.graphql.loaders import Loaders
from domain.connections import calls
from domain.connections.calls import About, Received, SentCall
from domain.history import events
from domain.models import Finding, Notice, NoticeRefund, ReconciliationRun, Refund
from domain.pse import explanations
from domain.pse.vocabulary import AccountDetails, Declined, DestinationKind
from domain.refunds import request
from domain.refunds.approvals.rules import Named, Word
from domain.refunds.destination import destinations
from tests.api.conftest import Asker, Enter, statements
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_payment, a_refund, a_shop, an_answer

# Two levels never ask for the same kind of row at times that are not in order: those would be one statement or two.
_EVERYTHING = """
fragment Payments on Payment { storeCode refundableUntil refunds(first: 2) { id } }
fragment Everything on Refund {
  id requestId failureExplanation retryOf { id events(first: 1) { kind } } payment { ...Payments }
  events(first: 2) { sequence kind } calls(first: 2) { url answer { status } } webhooks(first: 2) { body }
  destination { masked } ledgerEntries(first: 3) { kind } }"""
_PAGES = {
    "refunds": "{ refunds(first: 40) { edges { node { ...Everything } } } }" + _EVERYTHING,
    "payments": "{ payments(first: 20) { edges { node { ...Payments } } } }" + _EVERYTHING.split("fragment Ev")[0],
    "findings": "{ findings(first: 40) { edges { node { refund { ...Everything } } } } }" + _EVERYTHING,
    "reconciliationRuns": "{ reconciliationRuns(first: 20) { edges { node { findings(first: 2) { refund { ...Everything"
    " } } } } } }" + _EVERYTHING,
}


async def _a_call(refund: Refund, number: int) -> None:
    about = About(refund.merchant_id, refund.connection_id, CAUSE.request_id, "REFUND", refund.id, 1)
    call_id = await calls.log_request(about, SentCall("PUT", f"https://pse.example/{refund.id}/{number}", {}, "{}"))
    await calls.log_answer(call_id, Received(200 + number, {}, "{}", 5))


async def _a_webhook(refund: Refund, number: int) -> None:
    notice = await Notice.create(
        id=uuid4(), connection_id=refund.connection_id, digest=uuid4().hex, headers={}, request_id="r",
        body=f'{{"webhook": "{refund.id}/{number}"}}'.encode(), received_at=datetime.now(UTC),
    )  # fmt: skip
    await NoticeRefund.create(notice_id=notice.id, refund_id=refund.id)


async def _findings(shop: Shop, refund: Refund, number: int) -> None:
    run = await ReconciliationRun.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, state="COMPLETED", manifest={},
        business_date=datetime.now(UTC).date() - timedelta(days=number),
    )  # fmt: skip
    for nth in range(2):
        await Finding.create(
            id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, run_id=run.id, refund_id=refund.id,
            kind="CONTRADICTION", fingerprint=f"{refund.id}/{nth}", amount=1, currency="BRL", detail={},
            explanation=f"{refund.id}/{nth}", action="Look.",
        )  # fmt: skip


async def _refunds_with_everything(shop: Shop, number: int) -> None:
    """A refund that failed, and the one that tries it again, with all that can be asked of them."""
    failed = await a_refund(shop, await a_payment(shop, tax=1_800), 1_000)
    await an_answer(failed, Declined(next(iter(explanations.of_pse("pix"))), "No."))
    again = (await request.retry(shop.id, failed.id, a_key(), CAUSE)).refund
    for refund in (failed, again):
        for nth in range(3):
            await _a_call(refund, nth)
            await _a_webhook(refund, nth)
    values = {"pix_key": f"ana{number}@example.com", "holder_name": "Ana"}
    for refund in (failed, again):
        account = AccountDetails(DestinationKind.PIX_KEY, values)
        await destinations.keep(refund, account, Named(account.kind, Word.STAFF, True), CAUSE, KEY)
    await _findings(shop, again, number)


async def _asker(enter: Enter, rows: int) -> Asker:
    asker = await enter()
    for number in range(rows):
        await _refunds_with_everything(asker.shop, number)
    return asker


async def _statements(asker: Asker, page: str, caplog: pytest.LogCaptureFixture) -> tuple[int, Any]:
    await asker.ask("{ viewer { holder } }")  # the token is remembered
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        caplog.clear()
        found = await asker.ask(_PAGES[page])
        return statements(caplog), found


def _bare(refund: Any) -> bool:
    """Whether something that was asked for is not there."""
    lists = ("events", "calls", "webhooks", "ledgerEntries")
    return any(len(refund[name]) < 2 for name in lists[1:]) or not refund["events"] or refund["destination"] is None


async def test_a_page_takes_as_many_statements_for_two_rows_as_for_twenty(
    enter: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    few, many = await _asker(enter, 2), await _asker(enter, 20)
    for page in _PAGES:
        (first, short), (second, long) = [await _statements(asker, page, caplog) for asker in (few, many)]
        assert len(long["edges"]) == 10 * len(short["edges"])
        assert first == second, page
    refunds = [edge["node"] for edge in (await many.ask(_PAGES["refunds"]))["edges"]]
    assert not [refund for refund in refunds if _bare(refund)]
    assert sum(refund["retryOf"] is not None for refund in refunds) == 20
    assert sum(refund["failureExplanation"] is not None for refund in refunds) == 20


async def test_each_parent_has_its_own_children_as_many_as_were_asked_for(enter: Enter) -> None:
    asker = await _asker(enter, 3)
    found = await asker.ask(
        "{ findings(first: 9) { edges { node { explanation refund { id requestId one: calls(first: 1) { url } "
        "two: calls(first: 2) { url } webhooks(first: 2) { body } events(first: 1) { sequence } "
        "payment { refunds(first: 1) { id } } retryOf { id } } } } } }"
    )
    assert len(found["edges"]) == 6
    for edge in found["edges"]:
        refund, mine = edge["node"]["refund"], edge["node"]["explanation"].split("/")[0]
        url = f"https://pse.example/{mine}/"
        assert [call["url"] for call in refund["one"]] == [url + "2"], "The newest."
        assert [call["url"] for call in refund["two"]] == [url + "1", url + "2"], "And oldest first."
        assert [hook["body"] for hook in refund["webhooks"]] == [f'{{"webhook": "{mine}/{nth}"}}' for nth in (1, 2)]
        assert [event["sequence"] for event in refund["events"]] == [1]
        assert refund["payment"]["refunds"] == [{"id": refund["retryOf"]["id"]}], "The oldest."


@pytest.mark.usefixtures("books")
async def test_a_loader_remembers_nothing_so_a_long_subscription_reads_what_is_true_now() -> None:
    shop, loaders = await a_shop(), Loaders()
    refund = await a_refund(shop, await a_payment(shop))
    for sequence, note in enumerate(("first", "second"), start=1):
        await Refund.filter(id=refund.id).update(failure_message=note)
        assert (await loaders.row(Refund, refund.id)).failure_message == note
        assert len(await loaders.children(events.of_refunds, refund.id, 10)) == sequence
        await events.note(refund, "NOTED", CAUSE)
    with pytest.raises(DoesNotExist):
        await loaders.row(Refund, uuid4())
