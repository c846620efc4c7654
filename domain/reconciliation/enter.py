"""Entering what a report's lines say: what the books do not know goes through the one door, line by line."""

from collections import defaultdict
from dataclasses import replace
from functools import cache
from typing import Any, Final
from uuid import UUID

import polars as pl

from domain.cause import Cause
from domain.findings import findings
from domain.findings.findings import FindingKind
from domain.models import Connection, Payment, ReconciliationRun
from domain.models.settlements import Effect
from domain.money import Money
from domain.payments import external, in_rows, unnamed
from domain.platform import bell
from domain.platform.in_columns import is_empty, says
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Accepted, Declined, KnownRefund, Outcome, Returned, Succeeded
from domain.reconciliation import compare, still_gone
from domain.refunds import learned, schedule
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.states import AT_THE_PSE

_AT_THE_PSE: Final = [state.value for state in AT_THE_PSE]
_ENDED_UNPAID: Final = ("FAILED", "REJECTED", "CANCELED", "EXPIRED", "AWAITING_APPROVAL", "AWAITING_DESTINATION")


async def enter(
    connection: Connection, run: ReconciliationRun, file: ReportFile, matched: pl.DataFrame, cause: Cause
) -> None:
    """Only what differs, not the report: each line in a transaction of its own, safe to repeat."""
    refund_lines = matched.filter(_OF_PAYMENT)
    told = _whole(refund_lines)
    await _learn_names(told, cause)
    unknown = told.filter(pl.col("refund_id").is_null() & pl.col("nameless").is_null())
    # That it left comes before that it came back, whatever the order of the file: nothing can come back first.
    ordered = unknown.sort(pl.col("state").is_in(["FAILED", "RETURNED"]), maintain_order=True)
    await _book_unknown(ordered.filter(~pl.col("by_amount")), cause)
    await _enter_nameless(file, refund_lines, cause)
    await _book_unknown(ordered.filter("by_amount"), cause)  # what failed of those
    if is_empty(refund_lines["refund_id"]):
        return
    for row in refund_lines.filter(pl.col("refund_by_bank")).iter_rows(named=True):
        # Our order had arrived after all, and a person has paid the customer from the bank.
        known = replace(_known(row), reference=row["refund_reference"])
        await external.book(await Payment.get(id=row["payment_id"]), known, FindingKind.CONTRADICTION, cause)
    differing = refund_lines.lazy().filter(_differs()).sort(pl.col("state") == "RETURNED", maintain_order=True)
    for row in differing.collect(engine="in-memory").iter_rows(
        named=True
    ):  # that it left comes before that it came back
        if row["refund_state"] not in AT_THE_PSE and not _both_unpaid(row):
            await findings.open_finding(compare.of_status(connection, run, row))
        await record(UUID(row["refund_id"]), _outcome(row), Source(Door.REPORT), cause)


def _whole(refund_lines: pl.DataFrame) -> pl.DataFrame:
    """The lines; of what left without a refund of ours, all rows of one name as one of all that they tell."""
    nobodys = pl.col("refund_id").is_null() & ~pl.col("by_amount") & (pl.col("state") == "SUCCEEDED")
    named = refund_lines.filter(nobodys).with_columns(_name=pl.coalesce("reference", "pse_refund_reference"))
    several = named.filter(pl.col("amount").n_unique().over("payment_id", "_name") > 1)
    if several.is_empty():  # so are most reports
        return refund_lines
    whole = {
        some["line"][0]: in_rows.whole(some.to_dicts())
        for _, some in several.group_by("payment_id", "_name", maintain_order=True)
    }
    line = pl.col("line")
    rest = refund_lines.filter(~line.is_in(several["line"].to_list()) | line.is_in(list(whole)))
    return rest.with_columns(amount=line.replace_strict(whole, default=pl.col("amount"), return_dtype=pl.Int64))


async def _book_unknown(lines: pl.DataFrame, cause: Cause) -> None:
    for row in lines.iter_rows(named=True):
        payment, known = await Payment.get(id=row["payment_id"]), _known(row)
        if not await _is_of_sums(payment, row, known):
            await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def _is_of_sums(payment: Payment, row: dict[str, Any], known: KnownRefund) -> bool:
    """Whether the row tells that money came back that is booked by the sums of its name (still_gone): less than is
    taken, or not the first that came back.
    """
    if row["by_amount"] or row["state"] == "SUCCEEDED":
        return False
    taken = await external.taken_as(payment, known.reference)
    part = taken is not None and known.amount.minor_units < taken
    return part or await still_gone.is_of_sums(payment, known.reference)


def gives_work(matched: pl.DataFrame) -> bool:
    """Whether `enter` would do anything: most nights tell what the books know."""
    if not says(matched, "type", "REFUND"):
        return False
    refund_lines = matched.lazy().filter(_OF_PAYMENT)  # of few of the columns
    work = _NOBODYS if is_empty(matched["refund_id"]) else _NOBODYS | _of_refund()
    return bool(refund_lines.select(work.fill_null(value=False).any()).collect(engine="in-memory").item())


_OF_PAYMENT: Final = (pl.col("type") == "REFUND") & pl.col("payment_id").is_not_null()
# Lines without a name that are told again, and move nothing, are the only ones that may stay without a refund.
_UNOWNED: Final = pl.col("refund_id").is_null() & (
    pl.col("nameless").is_null() | (pl.col("nameless") != Effect.NONE.value) | pl.col("stays")
)
_NOBODYS: Final = _UNOWNED | (pl.col("asked").list.len() > 0)


@cache
def _of_refund() -> pl.Expr:
    return pl.col("refund_by_bank") | _has_new_name() | _differs()


async def _enter_nameless(file: ReportFile, refund_lines: pl.DataFrame, cause: Cause) -> None:
    """Lines that were given to no refund; refunds that may have one are asked about, after it is booked as taken."""
    group, effect = ("payment_id", "amount"), pl.col("nameless")
    out, back = effect == Effect.TAKEN.value, effect == Effect.TAKEN_BACK.value
    if refund_lines["nameless"].null_count() == refund_lines.height:
        return  # so are most reports: every line names its refund
    ours = pl.col("refund_id").is_not_null() & (pl.col("state") == "SUCCEEDED")
    others = pl.col("refund_id").is_null() & ~pl.col("by_amount") & (pl.col("state") == "SUCCEEDED")
    counted = refund_lines.with_columns(
        turn=out.cum_sum().over(group).cast(pl.Int64) + pl.col("told_before"),
        # What was booked as taken, and is not any more, came back.
        rest=pl.col("told_before") + out.sum().over(group).cast(pl.Int64) - back.sum().over(group).cast(pl.Int64),
        given=pl.col("refund_id").filter(ours).n_unique().over(group),
        named=pl.coalesce("reference", "pse_refund_reference")
        .filter(others)
        .unique()
        .over(group, mapping_strategy="join"),
    )
    gone = pl.col("stays") & (effect == Effect.NONE.value)
    for row in counted.filter(out | back | gone).iter_rows(named=True):
        payment, known = await Payment.get(id=row["payment_id"]), _known(row)
        if row["nameless"] == Effect.TAKEN.value:
            told = unnamed.Told(file.name, row["turn"], row["given"], tuple(row["named"]))
            await unnamed.from_line(payment, known, told, cause)
        elif row["nameless"] == Effect.TAKEN_BACK.value:
            await unnamed.back_from_line(payment, known, cause)
        else:
            await unnamed.gone_from_line(payment, known, row["rest"], cause)
    asked = counted.filter(out | (pl.col("unclear") == "SEVERAL"))["asked"].explode().drop_nulls().unique().to_list()
    await schedule.ask(asked)
    for refund_id in asked:
        await bell.ring(bell.REFUND, refund_id)


async def _learn_names(refund_lines: pl.DataFrame, cause: Cause) -> None:
    named = ~pl.col("by_amount") & pl.col("reference").is_null() & pl.col("refund_id").is_null()
    told = defaultdict[str, list[KnownRefund]](list)
    for row in refund_lines.filter(named & (pl.col("state") == "SUCCEEDED")).iter_rows(named=True):
        told[row["payment_id"]].append(_known(row))
    for payment_id, known in told.items():
        await learned.names(await Payment.get(id=payment_id), known, cause)
    if is_empty(refund_lines["refund_id"]):
        return
    for row in refund_lines.filter(_has_new_name()).iter_rows(named=True):
        await learned.own_name(UUID(row["refund_id"]), _known(row), cause)


@cache
def _has_new_name() -> pl.Expr:
    """Lines that tell the PSE's name of a refund of ours that is known under none, or under another one."""
    ours = (pl.col("state") == "SUCCEEDED") & (pl.col("refund_state") == "SUCCEEDED") & ~pl.col("refund_by_bank")
    # Beside our reference: what people called it may be mistyped.
    other = pl.col("refund_pse_reference").is_null() | (
        (pl.col("refund_pse_reference") != pl.col("pse_refund_reference"))
        & (pl.col("refund_reference") == pl.col("reference"))
    )
    return ours & pl.col("pse_refund_reference").is_not_null() & other & ~pl.col("by_amount")


@cache
def _differs() -> pl.Expr:
    state, ours = pl.col("state"), pl.col("refund_state")
    # A refund that came back was paid before: a report that tells so late says nothing new.
    paid = (state == "SUCCEEDED") & ~ours.is_in(["SUCCEEDED", "RETURNED"])
    failed = state.is_in(["FAILED", "RETURNED"]) & ours.is_in([*_AT_THE_PSE, "SUCCEEDED"])
    # PENDING is only news for a refund that we believe is still in doubt.
    pending = (state == "PENDING") & ours.is_in(["SUBMITTED"])
    # What was booked as taken for a refund that had ended is given back.
    back = state.is_in(["FAILED", "RETURNED"]) & pl.col("payment_taken")
    # So is what this very report tells to have left, and to have come back.
    both = (state == "RETURNED") & (state == "SUCCEEDED").any().over("refund_id")
    return (
        pl.col("refund_id").is_not_null()
        & ~pl.col("refund_by_bank")
        & (paid | failed | pending | (ours.is_in(_ENDED_UNPAID) & (back | both)))
    )


def news(matched: pl.DataFrame) -> pl.DataFrame:
    """The lines, and their refunds, that say what the books do not know of these."""
    if is_empty(matched["refund_id"]):
        return matched[["line", "refund_id"]].clear()
    refund_lines = matched.lazy().filter(pl.col("type") == "REFUND")
    return refund_lines.filter(_differs()).select("line", "refund_id").collect(engine="in-memory")


def _both_unpaid(row: dict[str, Any]) -> bool:
    return row["state"] in ("FAILED", "RETURNED") and row["refund_state"] in _ENDED_UNPAID


def _outcome(row: dict[str, Any]) -> Outcome:
    # A line that is found by its amount spells the refund's id in a way of its own (dLocal): that is no name of it.
    name = None if row["by_amount"] else row["pse_refund_reference"]
    if row["state"] == "SUCCEEDED":
        return Succeeded(name, row["booked_at"])
    if row["state"] == "PENDING":
        return Accepted(name)
    if row["refund_state"] == "SUCCEEDED" or row["state"] == "RETURNED":
        return Returned("REPORTED_FAILED", "The report says that the money came back.", name)
    return Declined("REPORTED_FAILED", "The report says that the refund failed.", name)


def _known(row: dict[str, Any]) -> KnownRefund:
    outcome = _outcome({**row, "refund_state": None, "state": "FAILED" if row["state"] == "RETURNED" else row["state"]})
    assert isinstance(outcome, Accepted | Succeeded | Declined), "Without a state of ours nothing can come back."
    return KnownRefund(
        reference=(external.BY_AMOUNT if row["by_amount"] else "") + (row["reference"] or row["pse_refund_reference"]),
        pse_refund_reference=row["pse_refund_reference"],
        amount=Money(row["amount"], row["currency"]),
        outcome=outcome,
        by_bank=row["by_bank"],
        kind=row["kind"] or "",
        requested_at=None,
        settled_at=row["booked_at"],
    )
