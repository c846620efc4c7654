"""The HTTP status of an answer that is a failure."""

from typing import Any, cast

from strawberry.http import GraphQLHTTPResponse

from api.graphql.transport.bounds import DEADLINE_EXCEEDED
from api.graphql.transport.masking import INTERNAL_ERROR
from api.http import UNAVAILABLE


def failure_status(answer: GraphQLHTTPResponse) -> int:
    """400: the client's request could not be executed; 503: not just now; 500: that was our fault."""
    codes = _codes(answer)
    return 503 if come_back(answer) else 500 if INTERNAL_ERROR in codes else 400


def come_back(answer: GraphQLHTTPResponse) -> bool:
    """The same again, later, may well succeed."""
    return not {UNAVAILABLE, DEADLINE_EXCEEDED}.isdisjoint(_codes(answer))


def _codes(answer: GraphQLHTTPResponse) -> list[str | None]:
    return [cast("dict[str, Any]", error).get("extensions", {}).get("code") for error in answer.get("errors") or ()]
