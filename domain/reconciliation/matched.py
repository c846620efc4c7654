"""A report's lines as they match, part by part, and what a night asks of all of them before it stores them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from domain.models import Connection
from domain.payments import chargeback_proofs
from domain.platform.in_columns import is_empty
from domain.reconciliation import exponents, progress, refund_parts
from domain.reconciliation.books_state import BooksState
from domain.reconciliation.effects import with_effects
from domain.reconciliation.enter import gives_work, news
from domain.reconciliation.known import Known
from domain.reconciliation.match import match
from domain.reconciliation.parts import LineParts
from domain.settlements import booked, own_lines, plain_lines
from domain.settlements.frames import Frames


@dataclass(frozen=True, slots=True)
class Standing:
    """What matched lines say beside what they are."""

    work: bool  # something is to be entered first
    strangers: int  # lines of no payment of ours
    owned: pl.DataFrame  # lines and their refunds
    news: pl.DataFrame  # lines, and their refunds, that say what the books do not know
    sums: pl.DataFrame  # exponents.sums


@dataclass(frozen=True, slots=True)
class MatchedLines:
    """Each part's lines with their payments and refunds. `given_up`: ids of lines of others whose place they take.

    `read_again`: ids of lines whose reports are to be read again, since they count from now on.
    """

    lines: Frames
    parts: LineParts
    given_up: Sequence[int]
    read_again: Sequence[int]
    standing: Standing

    def __iter__(self) -> Iterator[tuple[pl.DataFrame, Known]]:
        for lines, known in zip(self.lines, self.parts.known(), strict=True):
            yield lines, known.without(self.given_up)


@dataclass(frozen=True, slots=True)
class Settling:
    """The lines with all that they do. `giving`: domain/settlements/own_lines."""

    lines: Frames
    giving: pl.DataFrame


def of_parts(
    parts: LineParts, folder: Path | None, *, replacing: bool = True, state: BooksState | None = None
) -> MatchedLines:
    """Match each part with what is known of its payments. `folder`: where they are kept; None: in memory.

    `replacing`: whether they take the place of lines of other reports (plain_lines, refund_parts). `state`: each part
    is added to it, since it is being read.
    """
    lines, given_up, read_again = Frames(folder, parts.lines), list[int](), list[int]()
    said: list[Standing] = []
    for some, known in parts:
        if state is not None:
            state.add(some, known)
        matched, given, again = _matched(some, known, replacing=replacing)
        given_up += given
        read_again += again
        said.append(_standing(matched))
        lines.add(matched)
        progress.further(matched.height)
    return MatchedLines(lines, parts, given_up, read_again, _together(said))


def _matched(lines: pl.DataFrame, known: Known, *, replacing: bool) -> tuple[pl.DataFrame, list[int], list[int]]:
    """The lines as they match, without the lines of other reports whose place they take; the ids of those, and of
    lines whose reports are to be read again.
    """
    matched = match(lines, known.payments, known.refunds, known.settled, known.suspense)
    if not replacing:
        return matched, [], []
    plain = plain_lines.given_up(known.settled, matched)["line_id"].to_list()
    given_way, read_again = refund_parts.of_others(matched, known.settled)
    given_up = [*plain, *set(given_way).difference(plain)]
    if not given_up:
        return matched, [], read_again
    left = known.without(given_up)
    return match(lines, left.payments, left.refunds, left.settled, left.suspense), given_up, read_again


def _standing(matched: pl.DataFrame) -> Standing:
    told = matched[["line", "refund_id"]]
    owned = told.clear() if is_empty(told["refund_id"]) else told.drop_nulls("refund_id")
    strangers = matched["payment_id"].null_count()
    return Standing(gives_work(matched), strangers, owned, news(matched), exponents.sums(matched))


def _together(said: Sequence[Standing]) -> Standing:
    return Standing(
        any(one.work for one in said),
        sum(one.strangers for one in said),
        pl.concat([one.owned for one in said]),
        pl.concat([one.news for one in said]),
        pl.concat([one.sums for one in said]),
    )


def is_entered(standing: Standing, entered: Sequence[Standing]) -> bool:
    """Whether the lines can be stored as they match now, and give nothing more to be entered first.

    What was entered may give other lines to other refunds: those are entered once, and then by the next night.
    """
    if not entered:
        return not standing.work
    before = entered[-1]
    registered = standing.strangers < before.strangers
    return not registered and (len(entered) > 1 or not _gains(standing, before))


def _gains(standing: Standing, entered: Standing) -> bool:
    """Whether a refund has a line now that was not entered as its, and that says what the books do not know."""
    return not standing.news.join(entered.owned, on=["line", "refund_id"], how="anti").is_empty()


async def settling(connection: Connection, name: str, matched: MatchedLines) -> Settling:
    """The lines of the report of that name with what they do to the books, and what they are booked as."""
    worded, unowned, giving = Frames(matched.lines.folder, matched.lines), list[pl.DataFrame](), list[pl.DataFrame]()
    for lines, known in matched:
        elsewhere = await chargeback_proofs.proven_elsewhere(connection, name, lines, matched.given_up)
        effects = chargeback_proofs.with_effects(with_effects(lines, known.settled), elsewhere)
        giving.append(own_lines.giving(effects, known.settled))
        some = booked.worded(effects, known.settled)
        unowned.append(booked.nobodys(some))
        worded.add(some)
    told = await booked.told_elsewhere(connection, name, pl.concat(unowned).sort("line"))
    settled = worded.changed(lambda some: booked.without(some, told)) if told else worded
    return Settling(settled, pl.concat(giving))
