"""Telling a story: what happened in the books and at the PSE, how a report tells it, and what must be found."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from jobs.synth.labelled.chance import draw
from jobs.synth.labelled.shape import (
    LABEL,
    MOVEMENT,
    PAYMENT,
    PLANTED,
    REFUND,
    Place,
    first_number,
    start_of,
)

_OF_A_DAY: Final = 60_000  # seconds after local midnight in which stories begin


@dataclass(slots=True)
class Sale:
    """A payment of a story. Amounts in minor units."""

    number: int
    captured: int
    at: datetime
    refunds: int = 0


@dataclass(frozen=True, slots=True)
class Gone:
    """A refund of ours."""

    number: int
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """What a label is about: a thing with a number, or one with a name."""

    subject: str
    number: int | None = None
    name: str | None = None


@dataclass(slots=True)
class Teller:
    """Tells the stories of one place; `days` ordinary days begin on `first`."""

    place: Place
    first: date
    days: int
    seed: int
    story: str = ""
    turn: int = 0
    begins: int = 0  # on which day the story begins
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _sales: int = 0

    @property
    def pse(self) -> str:
        """Whose files are told of."""
        return self.place.pse

    def begin(self, story: str, turn: int) -> None:
        """The next story, in so many copies before."""
        self.story, self.turn = story, turn
        self.begins = self.chance(7, max(1, self.days - 2))

    def chance(self, salt: int, below: int) -> int:
        """A number that is the same for this copy of the story."""
        return draw(self._sales * 1_000 + self.turn, self.seed, salt, below)

    def day(self, later: int = 0) -> date:
        """The story's first day, or one so much later."""
        return self.first + timedelta(days=self.begins + later)

    def moment(self, later: int, seconds: int) -> datetime:
        """So many seconds after local midnight of the story's day."""
        return start_of(self.day(later)) + timedelta(seconds=seconds)

    def sale(
        self,
        amount: int | None = None,
        *,
        day: int = 0,
        tax: int = 0,
        registered: bool = True,
        told: int | None = None,
        told_on: int | None = None,
        silent: bool = False,
    ) -> Sale:
        """A payment, and its row (`told`: of another amount; `told_on`: of another day; `silent`: none)."""
        self._sales += 1
        number = first_number(self.place) + PLANTED + self._sales
        captured = amount or (self.chance(1, 50_000) + 500) * 4
        sale = Sale(number, captured, self.moment(day, 60 + self.chance(2, _OF_A_DAY)))
        self.rows["payments"].append(
            {"number": number, "captured": captured, "tax": tax, "at": sale.at, "registered": registered}
        )
        if not silent:
            amount, on = captured if told is None else told, day if told_on is None else told_on
            later = sale.at + timedelta(days=on - day)
            self.tell("CAPTURE", sale, amount, on, at=later, fee=self.place.fee_of(amount))
        return sale

    def refund(
        self,
        sale: Sale,
        amount: int | None = None,
        *,
        day: int = 0,
        state: str = "SUCCEEDED",
        tax: int = 0,
        told: int | None = None,
        told_on: int | None = None,
        silent: bool = False,
        returned: int | None = None,
        by_bank: bool = False,
        after: int = 1_800,
    ) -> Gone:
        """A refund of ours in the books, and its row unless `silent`. `returned`: on which day it came back."""
        number = sale.number * 10 + sale.refunds
        sale.refunds += 1
        whole = sale.captured if amount is None else amount
        at = sale.at + timedelta(days=day, seconds=after + sale.refunds)
        gone = Gone(number, whole, at)
        self.rows["refunds"].append(
            {
                "number": number,
                "payment": sale.number,
                "state": state,
                "amount": whole,
                "tax": tax,
                "at": at - timedelta(seconds=20),
                "ended_at": None if state == "SUBMITTED" else at,
                "returned_at": None if returned is None else at + timedelta(days=returned - day),
                "by_bank": by_bank,
            }
        )
        if not silent:
            on = day if told_on is None else told_on
            amount = whole if told is None else told
            self.tell("REFUND", sale, amount, on, at=at + timedelta(days=on - day), refund=number)
        return gone

    def tell(self, type: str, sale: Sale | None, amount: int, day: int = 0, **more: Any) -> None:
        """A row of the report of that day of the story. `at` None: an hour after the sale, on that day."""
        made = {
            "day": self.day(day),
            "type": type,
            "amount": amount,
            "currency": self.place.currency,
            "fee": 0,
            "foreign": False,
        }
        if sale is not None:
            made |= {"payment": sale.number, "sold": sale.captured, "sold_at": sale.at}
            made["at"] = sale.at + timedelta(days=day, seconds=3_600)
        else:
            made["at"] = self.moment(day, 80_000)
        self.rows["movements"].append({**made, **more})

    def document(self, gone: Gone, tax: int, total: int | None = None, *, names_refund: bool = True) -> None:
        """A credit note of a refund, or of so much of it, over so much VAT (minor units).

        Unless it `names_refund`, it names the sale's document alone.
        """
        turn = len(self.rows["documents"]) + 1
        number = f"NC-{self.place.index}-{turn:06}"
        whole = gone.amount if total is None else total
        self.rows["documents"].append(
            {"number": number, "refund": gone, "tax": tax, "total": whole, "names_refund": names_refund}
        )

    def find(self, kind: str, about: Gone | Sale | Subject, amount: int, currency: str | None = None) -> None:
        """The night must find this."""
        self._label(kind, about, amount, currency, planted=True)

    def fine(self, *kinds: str, about: Sequence[Gone | Sale | Subject]) -> None:
        """It looks like these kinds, and is none of them."""
        for kind in kinds:
            for one in about:
                self._label(kind, one, 0, None, planted=False)

    def _label(
        self, kind: str, about: Gone | Sale | Subject, amount: int, currency: str | None, *, planted: bool
    ) -> None:
        match about:
            case Gone(number=number):
                told: dict[str, Any] = {"subject": "refund", "number": number}
            case Sale(number=number):
                told = {"subject": "payment", "number": number}
            case _:
                told = {"subject": about.subject, "number": about.number, "name": about.name}
        self.rows["labels"].append(
            {
                **told,
                "kind": kind,
                "pse": self.pse,
                "amount": amount,
                "currency": currency or self.place.currency,
                "day": self.day(),
                "story": self.story,
                "turn": self.turn,
                "planted": planted,
            }
        )

    def frame(self, table: str) -> pl.DataFrame:
        """The rows told so far."""
        schema = {"payments": PAYMENT, "refunds": REFUND, "movements": MOVEMENT, "labels": LABEL}[table]
        return pl.DataFrame(self.rows[table], schema=dict(schema), orient="row")
