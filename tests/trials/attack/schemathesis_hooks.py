"""What a stranger's documents may never meet, for schemathesis (`make schemathesis`): an error that we did not mean.

Refusals are answers: schemathesis itself calls all `errors` failures, so our check looks for the unexpected ones only.
"""

from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

schemathesis.graphql.scalar("Date", st.dates().map(str).map(nodes.String))
schemathesis.graphql.scalar("DateTime", st.datetimes().map(lambda one: f"{one.isoformat()}Z").map(nodes.String))
schemathesis.graphql.scalar("BigInt", st.integers(-(2**63), 2**63).map(str).map(nodes.String))
CURRENCIES = ["BRL", "MXN", "COP", "CLP", "XXX", "br"]
schemathesis.graphql.scalar("CurrencyCode", st.sampled_from(CURRENCIES).map(nodes.String))


@schemathesis.check  # type: ignore[untyped-decorator]  # it lives in a virtual environment of its own
def nothing_unexpected(context: Any, response: Any, case: Any) -> None:
    """Neither our own failure nor an answer that is no answer of GraphQL."""
    assert response.status_code in (200, 400, 429), response.status_code
    assert "INTERNAL_ERROR" not in response.text, response.text[:500]
    told = response.json()
    assert "data" in told or "errors" in told, response.text[:500]
