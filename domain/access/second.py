"""What one person has said waits for another one's word: whose it may be, and whether the first one's still counts.

The word of somebody who is suspended counts no more, be it that they said it before: it would be confirmed by one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.access import vouching
from domain.access.holders import same_person
from domain.access.people import PersonState
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Person
from domain.platform.database import for_all
from domain.problems import InvalidState


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
    since = min(one.since for one in said)
    makers, gone = await vouching.behind_or_suspended({one.party for one in said}, since)
    return [
        one.party
        for one in said
        if one.party in gone
        or not principal.hands.isdisjoint({one.party, *makers.get(one.party, ())})
        or same_person(one.holder, principal.holder)
    ]


@for_all("a person may have a part in several merchants, and is suspended at their own")
async def suspended(parties: Collection[UUID]) -> frozenset[UUID]:
    """The people among these who are suspended."""
    found = await Person.filter(id__in=list(parties), state=PersonState.SUSPENDED) if parties else []
    return frozenset(person.id for person in found)


async def check_first_counts(party: UUID, path: list[str]) -> None:
    """Raises InvalidState where whoever said the first word is suspended."""
    if await suspended([party]):
        raise InvalidState(
            "Whoever said it is suspended by now, so it counts no more: say it anew, then another person confirms it.",
            path=path,
            current_state="SUSPENDED",
        )


def check_seen(said: UUID, seen: UUID | None, path: list[str]) -> None:
    """Raises InvalidState where another word is there than who says yes was shown. `seen` None: it is not known."""
    if seen is not None and seen != said:
        raise InvalidState(
            "Something else is said of it by now: look at it, then say yes to that.", path=path, current_state="CHANGED"
        )


def stores_of(principal: Principal, permission: Permission) -> list[UUID] | None:
    """In which it is held; None: in all."""
    stores = principal.reach.stores.get(permission, frozenset())
    return None if stores is None else list(stores)
