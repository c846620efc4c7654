"""The documents that people and programs send all day, with values that a filled database knows."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from strawberry.relay import to_base64

from api.graphql.transport.paging import Position
from domain.platform.database import rows
from tests.trials.bench import news, pages_books

Known = Mapping[str, Any]
READ: Final = ("refund(by:", "page of", "ledgerBalances", pages_books.READ)

_SUPPORT: Final = """query Q($by: RefundBy!) { refund(by: $by) { id requestId status failureCode failureExplanation
  amount { display } taxAmount { display } retryOf { id status } destination { masked }
  payment { id pseReference storeCode refundable { display } refundableUntil refunds(first: 10) { id status } }
  events(first: 50) { sequence kind status actor code message occurredAt }
  calls(first: 20) { purpose url body answer { status body error durationMs } } webhooks(first: 20) { body appliedAt }
  ledgerEntries(first: 50) { kind debit credit amount { display } } } }"""
_REFUNDS: Final = """query Q($filter: RefundFilter, $after: String) {
  refunds(first: 100, filter: $filter, after: $after) {
    edges { cursor node { id requestId status amount { display } createdAt payment { pseReference } } }
    pageInfo { hasNextPage } } }"""
_REFUNDS_WITH_ALL: Final = """{ refunds(first: 100) { edges { node { id status failureExplanation retryOf { id }
  payment { storeCode } destination { masked } events(first: 4) { kind } calls(first: 2) { url }
  webhooks(first: 2) { body } ledgerEntries(first: 6) { kind } } } } }"""
_PAYMENTS: Final = """query Q($pse: String, $order: String, $after: String) {
  payments(first: 100, pseReference: $pse, orderReference: $order, after: $after) {
    edges { cursor node { id pseReference orderReference refundable { display } } } } }"""
_FINDINGS: Final = """query Q($kinds: [FindingKind!], $unresolved: Boolean) {
  findings(first: 100, kinds: $kinds, unresolved: $unresolved) {
    edges { node { id kind explanation refund { id status } } } } }"""
_RUNS: Final = "{ reconciliationRuns(first: 100) { edges { node { businessDate state findings(first: 5) { id } } } } }"
_BALANCES: Final = "{ ledgerBalances { account balance } }"


def _refunds(**given: Any) -> Callable[[Known], dict[str, Any]]:
    return lambda known: {"filter": given}


def _kinds(*kinds: str, unresolved: bool | None = None) -> Callable[[Known], dict[str, Any]]:
    return lambda known: {"kinds": list(kinds), "unresolved": unresolved}


DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[Known], dict[str, Any]]]]] = {
    "viewer": ("{ viewer { holder permissions merchant { name } } }", lambda known: {}),
    "refund(by: requestId), all that support reads": (_SUPPORT, lambda known: {"by": {"requestId": known["request"]}}),
    "refund(by: pseReference)": (_SUPPORT, lambda known: {"by": {"pseReference": known["name"]}}),
    "refund(by: idempotencyKey)": (_SUPPORT, lambda known: {"by": {"idempotencyKey": known["key"]}}),
    "page of refunds": (_REFUNDS, lambda known: {}),
    "page of refunds, half a year back": (_REFUNDS, lambda known: {"after": known["after_refund"]}),
    "page of refunds, with all of their children": (_REFUNDS_WITH_ALL, lambda known: {}),
    "page of refunds, SUCCEEDED": (_REFUNDS, _refunds(statuses=["SUCCEEDED"])),
    "page of refunds, REJECTED or EXPIRED": (_REFUNDS, _refunds(statuses=["REJECTED", "EXPIRED"])),
    "page of refunds, RETURNED": (_REFUNDS, _refunds(statuses=["RETURNED"])),
    "page of refunds, under way": (_REFUNDS, _refunds(statuses=["REQUESTED", "SUBMITTED", "PENDING"])),
    "page of refunds, MANUAL before this week": (
        _REFUNDS,
        lambda known: {"filter": {"statuses": ["MANUAL"], "createdUntil": known["a_while_ago"]}},
    ),
    "page of refunds, needsPerson": (_REFUNDS, _refunds(needsPerson=True)),
    "page of refunds, of a payment": (_REFUNDS, lambda known: {"filter": {"paymentId": known["payment"]}}),
    "page of payments": (_PAYMENTS, lambda known: {}),
    "page of payments, half a year back": (_PAYMENTS, lambda known: {"after": known["after_payment"]}),
    "page of payments, pseReference": (_PAYMENTS, lambda known: {"pse": known["pse"]}),
    "page of payments, orderReference": (_PAYMENTS, lambda known: {"order": known["order"]}),
    "page of findings, unresolved": (_FINDINGS, lambda known: {"unresolved": True}),
    "page of findings, STATUS_MISMATCH": (_FINDINGS, _kinds("STATUS_MISMATCH")),
    "page of findings, two kinds, unresolved": (
        _FINDINGS,
        _kinds("DOUBT_UNRESOLVED", "PENDING_TOO_LONG", unresolved=True),
    ),
    "page of findings, a kind that is not there": (_FINDINGS, _kinds("AMOUNT_MISMATCH")),
    "page of reconciliationRuns": (_RUNS, lambda known: {}),
    "ledgerBalances": (_BALANCES, lambda known: {}),
    **news.DOCUMENTS,
    **pages_books.DOCUMENTS,
}


async def known(merchant: UUID) -> dict[str, Any]:
    """Handles of a merchant's refund and payment of half a year ago."""
    half = "created_at < now() - interval '180 days' ORDER BY created_at DESC LIMIT 1"
    returned = f"SELECT * FROM refunds WHERE merchant_id = $1 AND state = 'RETURNED' AND {half}"  # noqa: S608 - ours
    (refund,) = await rows(returned, merchant)
    (payment,) = await rows("SELECT * FROM payments WHERE id = $1", refund["payment_id"])
    month = refund["created_at"].date().replace(day=1)
    return {
        "request": refund["request_id"],
        "name": refund["pse_refund_reference"],
        "key": f"key-of-{refund['request_id']}",
        "payment": to_base64("Payment", str(payment["id"])),
        "pse": payment["pse_reference"],
        "order": payment["order_reference"],
        "after_refund": Position(refund["created_at"], refund["id"]).cursor(),
        "after_payment": Position(payment["created_at"], payment["id"]).cursor(),
        "connection": str(payment["connection_id"]),
        "month": f"{month:%Y-%m}",
        "from": month.isoformat(),
        "to": (month + timedelta(days=27)).isoformat(),
        "a_while_ago": (refund["created_at"] + timedelta(days=170)).isoformat(),
    }
