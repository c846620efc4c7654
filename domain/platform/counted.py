"""How many rows a query finds, up to a bound: so that counting takes as long among millions as among thousands."""

from typing import Any, Final

from tortoise.queryset import QuerySet

from domain.platform.database import rows

COUNTED_MAX: Final = 10_000
# {} is the query's own statement, with its parameters and its bound.
_COUNTED: Final = "SELECT count(*) AS count FROM ({}) found"


async def counted(query: QuerySet[Any], most: int = COUNTED_MAX) -> int:
    """How many there are; `most + 1` where there are more than `most`. In no order: nothing is sorted for it."""
    chosen = query.order_by().limit(most + 1).values("id")
    chosen._make_query()
    text, parameters = chosen.query.get_parameterized_sql()
    return await counted_rows(text, *parameters)


async def counted_rows(statement: str, *parameters: Any) -> int:
    """As `counted`, of a statement of ours that has its bound in it."""
    (found,) = await rows(_COUNTED.format(statement), *parameters)
    return int(found["count"])
