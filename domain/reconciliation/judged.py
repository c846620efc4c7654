"""Whether a report that came by another way than the wire is entered, and for which date: said before anything moves.

What is no report of this connection, or cannot be read, is refused with a sentence and changes nothing. What is here
already is harmless. Nothing that is in force is lost by handing in an older form of it, but for what people have
brought in place of the PSE's own: that one stands when the PSE brings it again.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from domain.connections.connections import zone_of
from domain.models import Connection, Report
from domain.platform.database import rows
from domain.pse.expected import Covers
from domain.pse.registry import connector
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import BadAnswer
from domain.reconciliation import contradicted, expected, reconcile
from domain.reconciliation.nights import fit
from domain.settlements import pieces, reports
from domain.settlements.storable import named

_ASKED_MAX: Final = 1_000  # payments of a file whose connection is asked for
_PERIOD_DAYS_MAX: Final = 100  # how far back the lines of one report go
# How many of these payments each connection of the merchant has.
_WHOSE: Final = """SELECT c.id, c.name, count(p.id) AS many FROM connections c
  JOIN payments p ON p.connection_id = c.id AND p.pse_reference = ANY($2) AND p.withdrawn_at IS NULL
  WHERE c.merchant_id = $1 GROUP BY c.id, c.name ORDER BY many DESC, c.name"""


@dataclass(frozen=True, slots=True)
class Enter:
    """It is to be entered for this date; `said` what becomes of what is there already."""

    business_date: date
    said: str


@dataclass(frozen=True, slots=True)
class InForce:
    """It is in force already: nothing is to be done."""

    business_date: date
    said: str


@dataclass(frozen=True, slots=True)
class NotEntered:
    """It is not entered, and why."""

    said: str


Judgement = Enter | InForce | NotEntered


async def judge(connection: Connection, given: ReportFile, asked: date | None, *, by_person: bool) -> Judgement:
    """What is to become of the file; `asked`: the business date that a person has named."""
    file = named(given)
    today = datetime.now(await zone_of(connection)).date()
    if asked is not None and asked > today:
        return NotEntered(f"{asked} has not begun: its report is handed in when it has ended.")
    if (same := await _same_bytes(connection, file, by_person=by_person)) is not None:
        return same
    old = await reports.valid_report(connection, file.name)
    if old is not None and asked is not None and old.business_date != asked:
        return NotEntered(
            f"{file.name} is the report of {old.business_date} here, not of {asked}: hand it in for that date, or "
            "under another name if it is another report."
        )
    try:
        lines = await _lines(connection, file, asked or (old.business_date if old else today - timedelta(days=1)))
    except BadAnswer as error:
        return NotEntered(fit(f"It cannot be read as a report of {connection.pse}: {error}"))
    except Exception as error:
        # What no reader foresaw is said, too, and holds up no other file.
        return NotEntered(fit(f"It cannot be read ({type(error).__name__}): is it a report of {connection.pse}?"))
    if (whose := await _anothers(connection, lines)) is not None:
        return NotEntered(whose)
    found = asked or (old.business_date if old else await _date_of(connection, lines, today))
    if found is None:
        return NotEntered("It has no lines, and so says no date: hand it in again, and name its business date.")
    if (stray := await _of_another_date(connection, lines, found)) is not None:
        return NotEntered(stray)
    return Enter(found, await _beside(connection, file, old, found))


async def _same_bytes(connection: Connection, file: ReportFile, *, by_person: bool) -> Judgement | None:
    digest = pieces.digest_of(file)
    same = Report.filter(merchant_id=connection.merchant_id, digest=digest).order_by("-created_at")
    known = await same.only("name", "business_date", "superseded_at", "connection_id", "created_at", "totals")
    mine = [one for one in known if one.connection_id == connection.id]
    valid = [one for one in mine if one.superseded_at is None]
    if valid:
        return InForce(
            valid[0].business_date, f"It is {valid[0].name} of {valid[0].business_date}, which is here already."
        )
    if mine and not by_person and await contradicted.replaced_by_people(connection, mine[0]):
        return None
    if mine:
        at = f"{mine[0].superseded_at:%Y-%m-%d %H:%M} UTC"
        return NotEntered(
            f"It is the form of {mine[0].name} that a newer one replaced at {at}: that one stays in force."
        )
    others = [one for one in known if one.superseded_at is None and one.totals.get("rows")]
    if others:
        other = await Connection.get(id=others[0].connection_id)
        return NotEntered(
            f"It is {others[0].name} of {others[0].business_date} of {other.name}, not of {connection.name}."
        )
    return None


async def _lines(connection: Connection, file: ReportFile, day: date) -> pl.DataFrame:
    period = await reconcile.period_of(connection, day)
    return connector(connection.pse).read_report(file, period).lines.collect()


async def _anothers(connection: Connection, lines: pl.DataFrame) -> str | None:
    """That its payments are another connection's, where that is so: a file of one account is no other's."""
    column = pl.coalesce("payment_reference", "payment_alias")
    asked = lines.select(column.drop_nulls().unique(maintain_order=True).head(_ASKED_MAX)).to_series().to_list()
    found = await rows(_WHOSE, connection.merchant_id, asked) if asked else []
    if not found or any(row["id"] == connection.id for row in found):
        return None
    most = found[0]
    return (
        f"It is a file of {most['name']}, not of {connection.name}: {most['many']} of the {len(asked)} payments that "
        "were looked for are registered there, and none here."
    )


async def _date_of(connection: Connection, lines: pl.DataFrame, today: date) -> date | None:
    """What it is about: of a report of one date that of most lines, of one of a period the last; never one to come."""
    days = lines.select("business_date").drop_nulls().filter(pl.col("business_date") <= today)
    if days.is_empty():
        return None
    if (await expected.of(connection)).covers is Covers.PERIOD:
        last: date = days["business_date"].max()  # type: ignore[assignment]
        return last
    counted = days.group_by("business_date").len().sort("len", "business_date", descending=True)
    most: date = counted["business_date"][0]
    return most


async def _of_another_date(connection: Connection, lines: pl.DataFrame, day: date) -> str | None:
    days = lines["business_date"].drop_nulls()
    if days.is_empty():
        return None
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    period = (await expected.of(connection)).covers is Covers.PERIOD
    earliest = day - timedelta(days=_PERIOD_DAYS_MAX if period else 1)
    if first <= day + timedelta(days=1) and last >= earliest:
        return None
    return f"Its lines are of {first} to {last}, and not of {day}: leave the date out, and it is entered for its own."


async def _beside(connection: Connection, file: ReportFile, old: Report | None, day: date) -> str:
    if old is not None:
        at = old.created_at.astimezone(UTC)
        return f"It was entered for {day}, in place of the {file.name} that came at {at:%Y-%m-%d %H:%M} UTC."
    others = Report.filter(connection_id=connection.id, business_date=day, superseded_at=None)
    names = await others.order_by("created_at").limit(3).values_list("name", flat=True)
    beside = f", beside {', '.join(str(one) for one in names)}" if names else ""
    return f"It was entered for {day}{beside}."
