"""What one person has said waits for another one's word: whose it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.access import vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal


class SecondPerson(StrEnum):
    """Whose word is wanted beside the first one's."""

    ANYBODY = "ANYBODY"  # that of anybody else who may say it, be it not whoever asks
    ME = "ME"  # of whoever asks: neither they nor who stands behind them said the first


@dataclass(frozen=True, slots=True)
class FirstWord:
    """Who has said something, and since when the oldest of it waits."""

    party: UUID
    holder: str
    since: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> "FirstWord":
        """Of a row that names them so."""
        return cls(row["party"], row["holder"], row["since"])


async def own(principal: Principal, said: Sequence[FirstWord]) -> list[UUID]:
    """Those of them whose second this principal cannot be: as each confirmation checks it by itself."""
    if not said:
        return []
    makers = await vouching.behind({one.party for one in said}, min(one.since for one in said))
    return [
        one.party
        for one in said
        if not principal.hands.isdisjoint({one.party, *makers.get(one.party, ())})
        or same_person(one.holder, principal.holder)
    ]


def stores_of(principal: Principal, permission: Permission) -> list[UUID] | None:
    """In which it is held; None: in all."""
    stores = principal.reach.stores.get(permission, frozenset())
    return None if stores is None else list(stores)
