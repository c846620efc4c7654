"""A folder of made-up months: what the books know, the PSEs' files night by night, and the labels beside them.

    books/<pse>-payments-*.parquet, -refunds-*.parquet   as shape.py has them, with the names of names.py
    reports/<pse>/<date>/<file>                           as the PSE writes them
    bank/<pse>.ofx, tax/<pse>.csv                         the bank's statements and the tax documents
    labels.parquet, labels.jsonl                          what must be found, and what only looks so
    manifest.json                                         the nights in their order, and the contracts

Days are written one after the other, in parts of a bounded size: memory does not grow with the lines.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobs.synth.labelled import bank, broken, bulk, documents, labels
from jobs.synth.labelled.books import Books
from jobs.synth.labelled.innocent import CONVERTED, INNOCENT, SHOPPERS
from jobs.synth.labelled.layouts import dlocal
from jobs.synth.labelled.layouts.files import CONTENT_TYPES, SHEETS, file_name
from jobs.synth.labelled.layouts.sheet import Bent, Paid, Sheet
from jobs.synth.labelled.shape import PLACES, ZONE, Place
from jobs.synth.labelled.stories import CHARGED, STORIES
from jobs.synth.labelled.teller import Sale, Subject, Teller

FIRST: Final = date(2026, 3, 2)
_FROM_NOWHERE: Final = 5_000  # minor units
_STORY_DAYS: Final = 2  # stories end so many days after they began


@dataclass(frozen=True, slots=True)
class WantedBooks:
    """So many lines in all, over so many ordinary days; each story so often in each PSE."""

    lines: int
    seed: int = 1
    pses: Sequence[str] = tuple(PLACES)
    days: int = 4
    first: date = FIRST
    planted: int = 2
    innocent: int = 9
    odd: int = len(broken.ODD)  # files of each PSE that are only written in another way


@dataclass(slots=True)
class _Folder:
    """Where it is written, and what of it is there."""

    out: Path
    wanted: WantedBooks
    told: Callable[[int], None]
    nights: list[dict[str, Any]] = field(default_factory=list)
    lines: int = 0


def write(out: Path, wanted: WantedBooks, told: Callable[[int], None] = lambda lines: None) -> dict[str, Any]:
    """Write the folder; the manifest. `told` hears how many lines there are. The same for the same `wanted`."""
    out.mkdir(parents=True, exist_ok=True)
    folder = _Folder(out, wanted, told)
    reported = [name for name in wanted.pses if name in SHEETS]
    made: list[pl.DataFrame] = []
    statements: list[dict[str, str]] = []
    notes: list[str] = []
    for name in wanted.pses:
        teller = _told(PLACES[name], wanted)
        paid = _place(folder, teller, wanted.lines // max(1, len(reported)) if name in reported else 0)
        statements += bank.write(out / "bank", teller, paid)
        notes += documents.write(out / "tax", teller)
        made.append(labels.named(teller))
    found = pl.concat(made)
    found.write_parquet(out / "labels.parquet")
    found.filter("planted").write_ndjson(out / "labels.jsonl")
    manifest = {
        "seed": wanted.seed,
        "lines": folder.lines,
        "zone": ZONE,
        "nights": folder.nights,
        "statements": statements,
        "documents": notes,
        "contracts": [_contract(PLACES[name]) for name in wanted.pses],
        "rates": [{"base": "BRL", "quote": "USD", "rate": str(dlocal.REFERENCE)}],
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return manifest


def _contract(place: Place) -> dict[str, Any]:
    """What the merchant agreed with the PSE and knows of the account: percents as text, amounts in minor units."""
    percent, fixed = place.fee
    settled = "USD" if place.pse == "dlocal" else place.currency
    payment = {"kind": "PAYMENT", "percent": str(Decimal(percent) / 100), "fixed": fixed, "currency": settled}
    refund = {"kind": "REFUND", "percent": "0", "fixed": dlocal.REFUND_FEE, "currency": settled}
    rate = {"kind": "FX", "percent": str(dlocal.OFF_PERCENT), "fixed": 0, "currency": settled}
    terms = [payment] if place.pse in CHARGED else []
    return {
        "pse": place.pse,
        "taxed_in": place.taxed_in,
        "terms": [*terms, refund, rate] if place.pse == "dlocal" else terms,
    }


def _told(place: Place, wanted: WantedBooks) -> Teller:
    """Every story of the place."""
    teller = Teller(place, wanted.first, wanted.days, wanted.seed)
    for stories, times in ((STORIES, wanted.planted), (INNOCENT, wanted.innocent)):
        for name, story in stories.items():
            if place.pse in story.pses:
                for turn in range(min(times * story.times, story.once or times * story.times)):
                    teller.begin(name, turn)
                    story.tell(teller)
    return teller


def _place(folder: _Folder, teller: Teller, lines: int) -> list[Paid]:
    """The books and the reports of one PSE; its payouts."""
    place, wanted = teller.place, folder.wanted
    books = Books(folder.out / "books", place)
    if place.pse not in SHEETS:
        books.add(teller.frame("payments"), teller.frame("refunds"))
        return []
    stories = teller.frame("movements")
    rest = max(0, lines - stories.height)
    days = bulk.OrdinaryDays(
        place, wanted.first, wanted.days, int(rest / wanted.days / bulk.LINES_PER_SALE), wanted.seed
    )
    reports = _Reports(folder, teller, days, stories)
    for turn in range(wanted.days + _STORY_DAYS):
        reports.ordinary(turn, books)
    reports.damaged()
    reports.balance()
    reports.quiet()
    books.add(teller.frame("payments"), teller.frame("refunds"))
    return reports.paid


class _Reports:
    """The files of one PSE, day by day."""

    def __init__(self, folder: _Folder, teller: Teller, days: bulk.OrdinaryDays, stories: pl.DataFrame) -> None:
        self.paid: list[Paid] = []
        self._folder, self._teller, self._days, self._stories = folder, teller, days, stories
        self._number = self._left = 0

    def ordinary(self, turn: int, books: Books) -> None:
        """The file of a day: its sales and refunds, those of the day before that came late, and the day's stories."""
        day = self._days.first + timedelta(days=turn)
        told = self._stories.filter(pl.col("day") == day)
        if turn >= self._days.days and told.is_empty():
            return
        sheet = self._sheet(day, Bent(style=self._number))
        place = self._days.place
        for begin, count in self._days.chunks(turn) if turn < self._days.days else []:
            sales = bulk.sold(self._days, turn, begin, count)
            books.add(bulk.payments(sales), bulk.refunds(sales))
            rows = pl.concat([bulk.captures_told(place, sales), bulk.refunds_told(place, sales, 0)]).sort("at")
            self._add(sheet, rows)
        for begin, count in self._days.chunks(turn - 1) if 0 < turn < self._days.days else []:
            self._add(sheet, bulk.refunds_told(place, bulk.sold(self._days, turn - 1, begin, count), 1))
        self._add(sheet, told.sort("at", maintain_order=True))
        self.paid += self._closed(sheet)
        self._night(day, [sheet.path, *self._under_another_name(sheet, turn)])
        self._is_fine(sheet.path)
        self._converted(sheet, told)

    def _converted(self, sheet: Sheet, told: pl.DataFrame) -> None:
        """What shoppers paid in a currency that nobody here has: it came, and no payment explains it."""
        units = int(told.filter(pl.col("status") == SHOPPERS)["amount"].sum())
        if units:
            self._teller.begin(CONVERTED, 0)
            self._teller.find("UNKNOWN_LINE", Subject("file", name=sheet.path.name), units)

    def _under_another_name(self, sheet: Sheet, turn: int) -> list[Path]:
        """The same batch comes a second time, with another name before its own."""
        if self._days.place.pse not in broken.COPIED or turn != 1:
            return []
        twin = sheet.path.with_name(f"Regional_{sheet.path.name}")
        shutil.copy(sheet.path, twin)
        self._teller.begin(broken.TWICE, 0)
        self._is_fine(twin)
        self._teller.fine("DUPLICATE_LINE", "DUPLICATE_REFUND", about=[Subject("file", name=twin.name)])
        return [twin]

    def _add(self, sheet: Sheet, rows: pl.DataFrame) -> None:
        sheet.add(rows)
        self._folder.lines += rows.height
        self._folder.told(self._folder.lines)

    def _sheet(self, day: date, bent: Bent) -> Sheet:
        self._number += 1
        pse = self._days.place.pse
        path = self._folder.out / "reports" / pse / str(day) / file_name(pse, day, self._number)
        sheet = SHEETS[pse](self._days.place, day, self._number, path, bent)
        sheet.opening = self._left
        return sheet

    def _closed(self, sheet: Sheet) -> list[Paid]:
        """The payouts; what the account owes after them is what the next file opens with."""
        paid = sheet.close()
        self._left = sheet.left
        return paid

    def _night(self, day: date, paths: Sequence[Path]) -> None:
        pse = self._days.place.pse
        files = [
            {
                "name": one.name,
                "path": str(one.relative_to(self._folder.out)),
                "content_type": CONTENT_TYPES.get(pse, "text/csv"),
            }
            for one in paths
        ]
        self._folder.nights.append({"pse": pse, "day": str(day), "files": files})

    def _is_fine(self, path: Path) -> None:
        kinds = (broken.UNREADABLE, broken.CONTRADICTORY, broken.EXPONENT, "BATCH_UNBALANCED", "BALANCE_DIFFERS")
        self._teller.fine(*kinds, about=[Subject("file", name=path.name)])

    def damaged(self) -> None:
        """A day with files that are only odd, one with those that disagree with themselves, one with the unreadable."""
        self._odd()
        self._misread()
        for kind in (broken.CONTRADICTORY, broken.UNREADABLE):
            found = {n: d for n, d in broken.DAMAGES.items() if d.kind == kind and self._days.place.pse in d.pses}
            if found:
                self._damaged(kind, found)

    def _odd(self) -> None:
        teller, day = self._teller, self._next_day()
        paths = []
        for name, bent in list(broken.ODD.items())[-self._folder.wanted.odd :]:
            if bent.is_open and self._days.place.pse == "mercadopago":
                continue  # a file that opens and does not close was cut
            sheet = self._sheet(day, bent)
            teller.begin(name, 0)
            teller.begins = (day - teller.first).days
            sales = self._few(sheet, registered=True)
            self.paid += self._closed(sheet)
            self._is_fine(sheet.path)
            paths.append(sheet.path)
        self._night(day, [*paths, *self._owed(day, sales)])

    def _owed(self, day: date, sales: Sequence[Sale]) -> list[Path]:
        """A file of refunds alone, of sales that were paid out before: the account owes, and nothing is paid."""
        if self._days.place.pse not in broken.OWING:
            return []
        sheet = self._sheet(day, Bent(style=1))
        self._teller.begin(broken.OWED, 0)
        self._teller.begins = (day - self._teller.first).days
        before = len(self._teller.rows["movements"])
        gone = [self._teller.refund(sale) for sale in sales]
        self._add(sheet, self._teller.frame("movements")[before:])
        self._teller.fine("MISSING_IN_LEDGER", "MISSING_IN_REPORT", "PAYOUT_MISSING", about=gone)
        self.paid += self._closed(sheet)
        self._is_fine(sheet.path)
        return [sheet.path]

    def _few(self, sheet: Sheet, *, registered: bool) -> list[Sale]:
        """A few sales in a file of their own."""
        before = len(self._teller.rows["movements"])
        sales = [self._teller.sale(registered=registered) for _ in range(3)]
        self._add(sheet, self._teller.frame("movements")[before:])
        return sales

    def _misread(self) -> None:
        """Every amount of a file is a hundred times what was sold, or a hundredth: it cannot be entered."""
        day, paths = self._next_day(), []
        for name, (times, over) in broken.MISREAD.items():
            sheet = self._sheet(day, Bent(style=1))
            self._teller.begin(name, 0)
            self._teller.begins = (day - self._teller.first).days
            before = len(self._teller.rows["movements"])
            amounts = [(self._teller.chance(30 + turn, 500) + 10) * 10_000 for turn in range(3)]
            sales = [self._teller.sale(amount, told=amount * times // over) for amount in amounts]
            self._add(sheet, self._teller.frame("movements")[before:])
            self._closed(sheet)
            off = abs(sum(amounts) - sum(amount * times // over for amount in amounts))
            self._teller.find(broken.EXPONENT, Subject("file", name=sheet.path.name), off)
            self._teller.fine("AMOUNT_MISMATCH", "FEE_MISMATCH", about=sales)
            paths.append(sheet.path)
        self._night(day, paths)

    def _damaged(self, kind: str, damages: dict[str, broken.Damage]) -> None:
        teller, day = self._teller, self._next_day()
        paths = []
        for name, damage in damages.items():
            sheet = self._sheet(day, damage.bent)
            teller.begin(name, 0)
            teller.begins = (day - teller.first).days
            sales = self._few(sheet, registered=kind == broken.CONTRADICTORY)
            paid = self._closed(sheet)
            self.paid += paid if kind == broken.CONTRADICTORY else []
            broken.spoiled(damage, sheet.path)
            teller.find(kind, Subject("file", name=sheet.path.name), 0)
            teller.fine("MISSING_IN_LEDGER", about=sales)
            if damage.bent.fee_told:  # what was taken is what was agreed
                teller.fine("FEE_MISMATCH", about=sales)
            if damage.unbalanced:
                teller.find("BATCH_UNBALANCED", Subject("file", name=sheet.path.name), 0)
            paths.append(sheet.path)
        self._night(day, paths)

    def balance(self) -> None:
        """The last file opens with more than the one before has left: nobody told where it came from."""
        if self._days.place.pse != "mercadopago":
            return
        sheet = self._sheet(self._next_day(), Bent(style=1))
        sheet.opening += _FROM_NOWHERE
        self._teller.begin(broken.FROM_NOWHERE, 0)
        self._few(sheet, registered=True)
        self.paid += self._closed(sheet)
        self._night(sheet.day, [sheet.path])
        self._teller.find("BALANCE_DIFFERS", Subject("file", name=sheet.path.name), _FROM_NOWHERE)

    def _next_day(self) -> date:
        last = max(date.fromisoformat(one["day"]) for one in self._folder.nights if one["pse"] == self._days.place.pse)
        return last + timedelta(days=1)

    def quiet(self) -> None:
        """The night by which every row must have come."""
        lag = self._days.place.lag_days
        if lag:
            last = self._days.first + timedelta(days=self._days.days + _STORY_DAYS + lag)
            self._night(max(last, self._next_day()), [])
