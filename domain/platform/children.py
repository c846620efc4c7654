"""The first rows of many parents at once: one statement however many there are, and to each its own LIMIT."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from tortoise.models import Model

from domain.platform.database import rows

M = TypeVar("M", bound=Model)


async def first_of_each(
    model: type[M], parents: Sequence[UUID], *, key: str, order: str, limit: int
) -> Mapping[UUID, list[M]]:
    """At most `limit` rows of `model` for each of `parents` (those that have none are left out), each in `order`.

    `key` is the column that names the parent and `order` a list for ORDER BY; both are the caller's own words.
    """
    found = await rows(
        # The parents' index is walked once for each of them, and no further than its limit.
        "SELECT child.* FROM unnest($1::uuid[]) AS parent (id) CROSS JOIN LATERAL ("  # noqa: S608 - names of ours
        f"SELECT * FROM {model._meta.db_table} WHERE {key} = parent.id ORDER BY {order} LIMIT $2) AS child "
        f"ORDER BY {order}",
        list(set(parents)),
        limit,
    )
    grouped: dict[UUID, list[M]] = {}
    for row in found:
        grouped.setdefault(row[key], []).append(model._init_from_db(**row))
    return grouped
