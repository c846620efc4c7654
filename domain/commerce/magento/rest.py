"""Magento's REST: where it is, and how a search is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from domain.commerce.vocabulary import ShopAccess

Filter = tuple[str, str, str]  # field, condition, value


def request(
    access: ShopAccess, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None
) -> httpx.Request:
    """Of `/rest/<store>/V1/<path>`."""
    url = f"{access.address}/rest/{access.option('store_code', 'all')}/V1/{path}"
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})}
    more: dict[str, Any] = {"params": dict(query)} if query else {}
    return httpx.Request(method, url, headers=headers, content=body, **more)


def searched(filters: Sequence[Filter], page: int, size: int) -> Mapping[str, str]:
    """A search's parameters: all of the filters hold. Ordered, so that pages do not overlap."""
    told = {"searchCriteria[pageSize]": str(size), "searchCriteria[currentPage]": str(page)}
    told |= {"searchCriteria[sortOrders][0][field]": "entity_id", "searchCriteria[sortOrders][0][direction]": "ASC"}
    for number, (field, condition, value) in enumerate(filters):
        at = f"searchCriteria[filterGroups][{number}][filters][0]"
        told |= {f"{at}[field]": field, f"{at}[conditionType]": condition, f"{at}[value]": value}
    return told
