"""A refund that begins in the shop: Shopify tells of it, it is paid here, and its status is seen there."""

import asyncio
from typing import Any, Final
from uuid import uuid4

from domain.access.tokens import Role
from jobs.demo import paid
from jobs.demo.course import Day
from jobs.demo.opening import ERRORS, answer_of

_CONNECT: Final = (
    "mutation Connect($input: ShopConnectInput!) { shopConnect(input: $input) { shop { id state } " + ERRORS + " } }"
)
_FOUND: Final = """query Found($shop: ID!) { shopRefunds(first: 10, shopId: $shop) {
  edges { node { state why refundId toldState } } } }"""
_PAID, _PART = 12_900, 4_900  # minor units
_TRIES: Final = 150
_EVERY_SECONDS: Final = 0.2


async def play(day: Day) -> None:
    """Somebody at the shop's counter refunds a part of an order in Shopify, and does nothing else."""
    admin, sandbox = day.client(Role.ADMIN), day.stage.addresses.sandbox_url
    fields = {"address": sandbox, "client_id": "estorno", "client_secret": "hush", "records": "yes"}
    given = {
        "kind": "SHOPIFY",
        "name": "Loja virtual",
        "storeCode": "sp",
        "fields": [{"name": name, "value": value} for name, value in fields.items()],
        "idempotencyKey": str(uuid4()),
    }
    shop = (await answer_of(admin, _CONNECT, "shopConnect", **given))["shop"]["id"]
    await day.sandbox("webhooks", {"url": f"{day.stage.addresses.api_url}/shops/{shop}"}, pse="shopify")
    number = (await day.sandbox("order", {"amount": _decimal(_PAID), "currency": "BRL"}, pse="shopify"))["order"]
    await paid.order(day, number, _PAID)
    told = await day.sandbox("refund", {"order": number, "amount": _decimal(_PART)}, pse="shopify")
    day.expect(told["answered"] == 200, "a refund is made in Shopify, whose webhook is answered at once")
    row = await _until(day, shop, "refundId")
    if row.get("refundId") is None:
        day.expect(False, f"the shop's refund becomes one here ({row})")
        return
    done = await paid.succeeded(day, row["refundId"])
    day.expect(done["status"] == "SUCCEEDED", f"it is matched to its payment by the order, and {_PART / 100:.2f} paid")
    await _until(day, shop, "toldState")
    seen = (await day.http.get(f"{sandbox}/_admin/shopify/order", params={"order": number})).json()
    right = seen["states"] == {done["reference"]: "SUCCEEDED"} and "estorno-succeeded" in seen["tags"]
    day.expect(right, f"its status stands on the order in Shopify: {', '.join(seen['tags'])}")
    day.expect((seen["refunds"], seen["moved"]) == (1, 0), "Shopify has one refund, and has moved no money itself")


def _decimal(minor_units: int) -> str:
    return f"{minor_units // 100}.{minor_units % 100:02}"


async def _until(day: Day, shop: str, known: str) -> dict[str, Any]:
    """The shop's only refund as soon as that much is known of it, or as it is when time is up."""
    row: dict[str, Any] = {}
    for _ in range(_TRIES):
        edges = (await day.client(Role.ADMIN).ask(_FOUND, shop=shop))["shopRefunds"]["edges"]
        row = edges[0]["node"] if edges else {}
        wanted = {"toldState": "SUCCEEDED"}.get(known)
        if row.get(known) is not None and wanted in (None, row[known]):
            break
        await asyncio.sleep(_EVERY_SECONDS)
    return row
