"""GraphQL as Shopify speaks it: what is over the limit, or wrong, is told with status 200 as well."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx

from domain.commerce import dialect
from domain.commerce.dialect import Asking, NoAnswer
from domain.commerce.vocabulary import ShopAccess
from domain.pse.kit import exact

VERSION: Final = "2026-10"
_WAIT_SECONDS_MAX: Final = 60.0


class Denied(NoAnswer):
    """Our app may not do this: it lacks a scope, or was taken away."""


def ask(access: ShopAccess, document: str, path: str = "admin/api", /, **variables: Any) -> Asking[Mapping[str, Any]]:
    """The data of an answer. Raises NoAnswer, with the seconds to wait where Shopify tells them, and Denied."""
    version = access.option("api_version", VERSION)
    answered = yield httpx.Request(
        "POST",
        f"{access.address}/{path}/{version}/graphql.json",
        json={"query": document, "variables": variables},
        headers={"Accept": "application/json"},
    )
    if isinstance(answered, httpx.Response) and answered.status_code in (401, 403):
        raise Denied(f"Shopify answered {answered.status_code}: {answered.text[:200]}")
    if isinstance(answered, httpx.Response) and answered.status_code == 429:
        raise NoAnswer("Shopify answered 429.", dialect.seconds_of(answered.headers.get("retry-after")) or 2.0)
    found = dialect.answer_of(answered)
    errors = exact.objects(exact.inner(found, "errors")) or []
    if any(_is_throttled(one) for one in errors):
        raise NoAnswer("Shopify is asked too much (THROTTLED).", _wait(found))
    if any(exact.inner(one, "extensions", "code") == "ACCESS_DENIED" for one in errors):
        raise Denied(f"Shopify refuses it: {_said(errors)}")
    data = exact.inner(found, "data")
    if errors or not isinstance(data, dict):
        raise NoAnswer(f"Shopify answered without data: {_said(errors)}")
    return data


def _is_throttled(error: Mapping[str, Any]) -> bool:
    # Which of the two words a version uses is not written down anywhere that we know of.
    return exact.inner(error, "extensions", "code") == "THROTTLED" or error.get("message") == "Throttled"


def _wait(found: Any) -> float:
    """Seconds until the bucket holds what the question costs (extensions.cost)."""
    cost = exact.inner(found, "extensions", "cost")
    wanted, has, rate = (
        exact.inner(cost, *names)
        for names in (
            ("requestedQueryCost",),
            ("throttleStatus", "currentlyAvailable"),
            ("throttleStatus", "restoreRate"),
        )
    )
    if not all(isinstance(one, int | Decimal) and not isinstance(one, bool) for one in (wanted, has, rate)) or not rate:
        return 2.0
    return min(max(float((wanted - has) / rate), 1.0), _WAIT_SECONDS_MAX)


def _said(errors: list[dict[str, Any]]) -> str:
    return "; ".join(str(one.get("message", ""))[:200] for one in errors) or "nothing"


def user_errors(found: Any) -> list[str]:
    """The messages of `userErrors`, with their codes where they have some."""
    return [
        " ".join(str(one[key]) for key in ("code", "message") if isinstance(one.get(key), str))
        for one in exact.objects(exact.inner(found, "userErrors")) or []
    ]
