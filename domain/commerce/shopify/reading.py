"""What Shopify says of refunds: its webhooks, which only make us ask, and an order's refunds, which count."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.commerce import amounts, dialect
from domain.commerce.vocabulary import LookAt, NothingToUs, SaidRefund, ShopAccess, Told, Uninstalled, Why
from domain.money import Money
from domain.pse.kit import exact, moments

_DEAD: Final = frozenset({"FAILURE", "ERROR"})  # of a transaction: nothing moved


def told(body: Mapping[str, Any]) -> Told:
    """What a webhook tells, by its body alone: nobody has signed its topic.

    Whatever it says of a refund makes us ask for the order's refunds.
    """
    order = dialect.name_of(body, "order_id")
    if order is not None and ("refund_line_items" in body or "order_adjustments" in body):
        return LookAt(order, _seen(body, order))
    if order is not None and "gateway" in body and "kind" in body:
        return LookAt(order) if str(body["kind"]).lower() == "refund" else NothingToUs("A transaction, and no refund.")
    order = dialect.name_of(body, "id")
    if order is not None and "line_items" in body:
        return LookAt(order) if body.get("refunds") else NothingToUs("An order without refunds.")
    if "myshopify_domain" in body:
        return Uninstalled()
    return NothingToUs("No refund, no transaction and no order.")


def _seen(body: Mapping[str, Any], order: str) -> SaidRefund | None:
    """The refund as its webhook has it: for a person, where the order is not shown to us."""
    name = dialect.name_of(body, "id")
    if name is None:
        return None
    moved = [one for one in exact.objects(body.get("transactions")) or [] if one.get("kind") == "refund"]
    try:
        parts = [amounts.money_of(one.get("amount"), one.get("currency")) for one in moved]
        amount = _sum(parts)
    except amounts.NotMoney:
        amount = None
    said = "Shopify does not show the order to us: it is older than 60 days, or read_orders is missing."
    ours = dialect.reference_in(body.get("note"))
    return SaidRefund(name, order, amount=amount, ours=ours, why=Why.ORDER_UNREADABLE, because=said)


def refunds_of(order: Mapping[str, Any], access: ShopAccess) -> Sequence[SaidRefund]:
    """The refunds of an order as it was asked for."""
    found = exact.objects(order.get("refunds")) or []
    return [said for one in found if (said := _refund(order, one, access)) is not None]


def _refund(order: Mapping[str, Any], refund: Mapping[str, Any], access: ShopAccess) -> SaidRefund | None:
    name, ours = number_of(refund.get("id")), dialect.reference_in(refund.get("note"))
    nodes = exact.objects(exact.inner(refund, "transactions", "nodes")) or []
    moved = [one for one in nodes if one.get("kind") == "REFUND" and one.get("status") not in _DEAD]
    if name is None or not (moved or ours):
        return None  # goods went back, or a fee was noted: no money was promised
    elsewhere = [one for one in moved if not is_ours(one, access)]
    payments = {found for one in moved if (found := _payment(one)) is not None}
    why, because, amount = None, "", None
    try:
        amount = _sum([_amount(one) for one in moved])
    except amounts.NotMoney as error:
        why, because = Why.AMOUNT_UNCLEAR, f"Its amount cannot be used: {error}."
    if elsewhere:
        named = ", ".join(sorted({str(one.get("gateway")) for one in elsewhere}))
        why, because = Why.MOVED_BY_SHOP, f"Shopify has {named} move it: paid here, it would be paid twice."
    return SaidRefund(
        name=name,
        order=number_of(order.get("id")),
        number=exact.text(order, "name"),
        payments=tuple(payments) if len(payments) == 1 else (),
        amount=amount,
        ours=ours,
        made_at=moments.or_utc(exact.text(refund, "createdAt") or ""),
        why=why,
        because=because,
    )


def is_ours(transaction: Mapping[str, Any], access: ShopAccess) -> bool:
    """Whether Shopify moves nothing itself for it: a manual gateway, or one that the merchant says we pay for."""
    named = access.listed("gateways")
    if named:
        return str(transaction.get("gateway", "")).lower() in named
    return transaction.get("manualPaymentGateway") is True


def _amount(transaction: Mapping[str, Any]) -> Money:
    shown = exact.inner(transaction, "amountSet", "presentmentMoney")
    return amounts.money_of(exact.inner(shown, "amount"), exact.inner(shown, "currencyCode"))


def _payment(transaction: Mapping[str, Any]) -> str | None:
    parent = exact.inner(transaction, "parentTransaction")
    return exact.text(parent, "paymentId") or exact.text(transaction, "paymentId")


def _sum(parts: Sequence[Money]) -> Money | None:
    if not parts:
        return None
    if len({one.currency for one in parts}) > 1:
        raise amounts.NotMoney("it has several currencies")
    return Money(sum(one.minor_units for one in parts), parts[0].currency)


def number_of(found: Any) -> str | None:
    """The number of a global id such as gid://shopify/Order/1."""
    if not isinstance(found, str):
        return None
    number = found.rpartition("/")[2].partition("?")[0]
    return number if number.isascii() and number.isdigit() and len(number) <= 20 else None


def gid(kind: str, number: str) -> str:
    """The global id of that number."""
    return f"gid://shopify/{kind}/{number}"
