"""The codes of what is refused before a resolver is asked (`extensions.code`); those of problems are the domain's."""

from typing import Any, Final

from graphql import GraphQLError

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
INVALID_INPUT: Final = "INVALID_INPUT"
LIMIT_EXCEEDED: Final = "LIMIT_EXCEEDED"
OPERATION_NOT_TAKEN: Final = "OPERATION_NOT_TAKEN"
OPERATION_UNKNOWN: Final = "OPERATION_UNKNOWN"
NOT_TRUSTED: Final = "DOCUMENT_NOT_TRUSTED"
BAD_REQUEST: Final = "BAD_REQUEST"
# As Apollo's link for persisted queries knows them.
PERSISTED_NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_NOT_SUPPORTED: Final = "PERSISTED_QUERY_NOT_SUPPORTED"


# The limits by the names that a refusal tells; docs/limits.md has each.
LIMITS: Final = frozenset(
    {
        *("characters", "lines", "tokens", "literals", "operations", "fragments", "directives", "spreads", "depth"),
        *("fields", "aliases", "objects", "values", "schemas", "types", "introspectionAliases", "movingMoney"),
    }
)


def exceeded(limit: str, allowed: int, message: str, *nodes: Any) -> GraphQLError:
    """A limit of docs/limits.md that was met: its name there, and how much it allows."""
    assert limit in LIMITS, "A limit that no page names."
    said = {"code": LIMIT_EXCEEDED, "limit": limit, "allowed": allowed}
    return GraphQLError(message, list(nodes) or None, extensions=said)


def coded(error: GraphQLError, code: str) -> GraphQLError:
    """The error, which has that code where it had none."""
    if not (error.extensions or {}).get("code"):
        error.extensions = {**(error.extensions or {}), "code": code}
    return error
