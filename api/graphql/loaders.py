"""What the rows of a page want beside themselves, read for all of them at once: a page costs no statement per row.

A child is read through its parent's own columns only, so whoever may see the parent may see it, and nobody else.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader
from tortoise.exceptions import DoesNotExist
from tortoise.models import Model

M = TypeVar("M", bound=Model)
T = TypeVar("T")

K = TypeVar("K", UUID, int)  # what a parent is called by

# Reads, for many parents, at most so many children of each; parents without any may be left out.
ReadChildren = Callable[[Sequence[K], int], Awaitable[Mapping[K, Sequence[T]]]]
ReadOne = Callable[[Sequence[K]], Awaitable[Mapping[K, T]]]


class Loaders:
    """The readers of one operation. What is asked for in the same turn of the event loop is one statement.

    Nothing is remembered: a subscription lives for hours, and its next message wants what is true then.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, DataLoader[Any, Any]] = {}

    async def row(self, model: type[M], row_id: UUID) -> M:
        """The row of that id. Raises DoesNotExist."""
        found: M | None = await self._loader(model, partial(_rows_of, model)).load(row_id)
        if found is None:
            raise DoesNotExist(model)
        return found

    async def one(self, read: ReadOne[K, T], parent: K) -> T | None:
        """What `read` finds for a parent; None: nothing."""
        found: T | None = await self._loader(read, read).load(parent)
        return found

    async def children(self, read: ReadChildren[K, T], parent: K, first: int) -> Sequence[T]:
        """At most `first` children of a parent, in the order of `read`."""

        async def of_all(parents: Sequence[K]) -> Mapping[K, Sequence[T]]:
            return await read(parents, first)

        found: Sequence[T] | None = await self._loader((read, first), of_all).load(parent)
        return found or ()

    def _loader(self, key: Hashable, read: ReadOne[K, Any]) -> DataLoader[K, Any]:
        if key not in self._made:
            self._made[key] = DataLoader(load_fn=partial(_in_order, read), cache=False)
        return self._made[key]


async def _rows_of(model: type[M], ids: Sequence[UUID]) -> Mapping[UUID, M]:
    return await model.in_bulk(set(ids), "id")


async def _in_order(read: ReadOne[K, T], keys: Sequence[K]) -> list[T | None]:
    found = await read(keys)
    return [found.get(key) for key in keys]
