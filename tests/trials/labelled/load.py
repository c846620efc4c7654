"""The books of a labelled folder in a real database: every row is there that a life of its refund would have left."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import polars as pl

from domain.books import ledger
from domain.connections.connections import place_of
from domain.history import seals
from domain.models.ledger import Entry
from domain.models.refunds import State
from domain.platform import secrets
from domain.refunds.states import BY_BANK, MOVES
from jobs.synth import schema
from jobs.synth.labelled.shape import ACCOUNT, ZONE
from tests.kit.factories import KEY

S = State
_TABLES: Final = ("payments", "refunds", "events", "attempts", "ledger_entries")
# What a refund went through, and which of its moments each state has.
_PATHS: Final[Mapping[tuple[str, bool], tuple[tuple[State, str], ...]]] = {
    ("SUBMITTED", False): ((S.REQUESTED, "at"), (S.SUBMITTED, "at")),
    ("SUCCEEDED", False): ((S.REQUESTED, "at"), (S.SUBMITTED, "at"), (S.SUCCEEDED, "ended_at")),
    ("SUCCEEDED", True): ((S.REQUESTED, "at"), (S.MANUAL, "at"), (S.SUCCEEDED, "ended_at")),
    ("FAILED", False): ((S.REQUESTED, "at"), (S.SUBMITTED, "at"), (S.FAILED, "ended_at")),
    ("RETURNED", False): (
        (S.REQUESTED, "at"),
        (S.SUBMITTED, "at"),
        (S.SUCCEEDED, "ended_at"),
        (S.RETURNED, "returned_at"),
    ),
}
_OUTCOMES: Final = {"SUBMITTED": "IN_DOUBT", "SUCCEEDED": "SUCCEEDED", "FAILED": "DECLINED", "RETURNED": "SUCCEEDED"}
_LATER: Final = "2100-01-01 00:00:00+00"  # nothing made up is due before: no worker is to send it


async def load(owner_url: str, folder: Path) -> dict[str, UUID]:
    """Fill an empty database with the books of the folder, in one transaction; the connection of each PSE."""
    owner = await asyncpg.connect(owner_url, server_settings={"estorno.merchant": "*"})
    try:
        async with owner.transaction():
            merchant, store, connections = await _places(owner, {path.name.split("-")[0] for path in _books(folder)})
            async with schema.bare(owner, _TABLES):
                for pse, connection in sorted(connections.items()):
                    of = {"merchant_id": str(merchant), "store_id": str(store), "connection_id": str(connection)}
                    for path in sorted((folder / "books").glob(f"{pse}-payments-*.parquet")):
                        refunds = pl.read_parquet(str(path).replace("-payments-", "-refunds-"))
                        await _copy(owner, pl.read_parquet(path), refunds, of)
        for table in _TABLES:
            await owner.execute(f"ANALYZE {table}")
    finally:
        await owner.close()
    return connections


async def sealed() -> None:
    """Let the sealer do its work on what was loaded."""
    while await seals.seal():
        pass


def _books(folder: Path) -> list[Path]:
    return list((folder / "books").glob("*.parquet"))


async def _places(owner: Any, pses: set[str]) -> tuple[UUID, UUID, dict[str, UUID]]:
    merchant, store = uuid4(), uuid4()
    await owner.execute(
        "INSERT INTO merchants (id, name, country, zone, created_at) VALUES ($1, 'Labelled', 'BR', $2, now())",
        merchant,
        ZONE,
    )
    await owner.execute(
        "INSERT INTO stores (id, merchant_id, code, name, created_at) VALUES ($1, $2, 'sp', 'Sao Paulo', now())",
        store,
        merchant,
    )
    made = {}
    for pse in sorted(pses):
        made[pse] = uuid4()
        await owner.execute(
            "INSERT INTO connections (id, merchant_id, pse, name, base_url, client_id, sealed_secrets, "
            "default_store_id, enabled, created_at) "
            "VALUES ($1, $2, $3, $3, 'http://127.0.0.1:9', $4, $5, $6, true, now())",
            made[pse],
            merchant,
            pse,
            ACCOUNT,
            secrets.seal(KEY, {"webhook_secret": "none"}, place_of(made[pse])),
            store,
        )
    return merchant, store, made


async def _copy(owner: Any, payments: pl.DataFrame, refunds: pl.DataFrame, of: Mapping[str, str]) -> None:
    whose = {name: pl.lit(value) for name, value in of.items()}
    known = refunds.join(
        payments.select("id", "method", captured_at="at"), left_on="payment_id", right_on="id", how="left"
    )
    of_refund = {name: whose[name] for name in ("merchant_id", "connection_id", "store_id")}
    await _put(owner, "payments", _payments(payments, refunds).with_columns(**whose))
    await _put(owner, "refunds", _refunds(known).with_columns(**of_refund))
    moves = _moves(known)
    await _put(owner, "events", _events(moves).with_columns(merchant_id=whose["merchant_id"]))
    await _put(owner, "attempts", _attempts(known))
    entries = pl.concat([_captures(payments), _legs(moves)], how="diagonal")
    await _put(owner, "ledger_entries", entries.with_columns(**whose))


async def _put(owner: Any, table: str, rows: pl.DataFrame) -> None:
    if not rows.is_empty():
        text = io.BytesIO(rows.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00").encode())
        await owner.copy_to_table(table, source=text, columns=rows.columns, format="csv")


def _payments(payments: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    state, held = pl.col("state"), pl.col("state").is_in(["SUBMITTED", "SUCCEEDED"])
    sums = refunds.group_by("payment_id").agg(
        reserved=pl.col("amount").filter(state == "SUBMITTED").sum(),
        refunded=pl.col("amount").filter(state == "SUCCEEDED").sum(),
        tax_allocated=pl.col("tax").filter(held).sum(),
    )
    taxed = pl.col("tax") > 0
    return payments.join(sums, left_on="id", right_on="payment_id", how="left").select(
        "id",
        "pse_reference",
        "order_reference",
        "method",
        "currency",
        "captured",
        *(pl.col(name).fill_null(0) for name in ("reserved", "refunded", "tax_allocated")),
        taken_by_bank=0,
        charged_back=0,
        tax_amount="tax",
        tax_rate=pl.when(taxed).then(pl.lit("18.00")),
        tax_document=pl.when(taxed).then(pl.format("NFe {}", "number")),
        tax_period=pl.when(taxed).then(pl.col("at").dt.strftime("%Y-%m")),
        captured_at="at",
        source=pl.lit("LISTING"),
        created_at="at",
    )


def _refunds(refunds: pl.DataFrame) -> pl.DataFrame:
    doubt = pl.col("state") == "SUBMITTED"
    lengths = pl.col("state").replace_strict({state: len(path) for (state, _), path in _PATHS.items()})
    return refunds.select(
        "id",
        "payment_id",
        "method",
        "reference",
        "state",
        "amount",
        "currency",
        "pse_refund_reference",
        request_id=pl.format("synth-{}", "number"),
        tax_amount="tax",
        reason=pl.lit("CUSTOMER_REQUEST"),
        failure_code=pl.when(pl.col("state").is_in(["FAILED", "RETURNED"])).then(pl.lit("REFUSED")),
        sequence=lengths,
        paid_by_bank_transfer="by_bank",
        due_at=pl.when(doubt).then(pl.lit(_LATER)),
        asks=0,
        unsent=0,
        doubt_since=pl.when(doubt).then("at"),
        succeeded_at=pl.when(pl.col("state") == "SUCCEEDED").then("ended_at"),
        requested_by=pl.lit("synth"),
        created_at="at",
        updated_at=pl.coalesce("returned_at", "ended_at", "at"),
    )


def _moves(refunds: pl.DataFrame) -> pl.DataFrame:
    """A row for each state that each refund went through: `now`, `before`, `when`, `sequence`."""
    steps = [
        (state, bank, sequence, str(now), str(path[sequence - 2][0]) if sequence > 1 else None, when)
        for (state, bank), path in _PATHS.items()
        for sequence, (now, when) in enumerate(path, start=1)
    ]
    columns = ("state", "by_bank", "sequence", "now", "before", "moment")
    table = pl.DataFrame(steps, schema=list(columns), orient="row")
    moment = pl.col("moment")
    when = pl.when(moment == "at").then("at").when(moment == "ended_at").then("ended_at").otherwise("returned_at")
    return refunds.join(table, on=["state", "by_bank"]).with_columns(when=when)


def _events(moves: pl.DataFrame) -> pl.DataFrame:
    return moves.sort("when", "number", "sequence").select(
        "sequence",
        refund_id="id",
        kind="now",
        state="now",
        previous_state="before",
        request_id=pl.format("synth-{}", "number"),
        actor=pl.when(pl.col("sequence") == 1).then(pl.lit("synth")).otherwise(pl.lit("worker")),
        detail=pl.lit("{}"),
        occurred_at="when",
    )


def _attempts(refunds: pl.DataFrame) -> pl.DataFrame:
    return refunds.filter(~pl.col("by_bank")).select(
        refund_id="id",
        number=1,
        claimed_until="at",
        sent_at="at",
        ended_at="at",
        outcome=pl.col("state").replace_strict(_OUTCOMES),
        refusal=pl.lit(value=False),
    )


def _captures(payments: pl.DataFrame) -> pl.DataFrame:
    made = payments.select(
        "currency",
        payment_id="id",
        whole="captured",
        vat="tax",
        day=_local_day("at"),
        booked_at="at",
        request_id=pl.format("listing-{}", "number"),
        name=pl.format("payment/{}", "id"),
    )
    return _posted(made.with_columns(entry=pl.lit(Entry.CAPTURE.value)))


def _legs(moves: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for (state, bank), path in _PATHS.items():
        for sequence, (now, _) in enumerate(path, start=1):
            before = path[sequence - 2][0] if sequence > 1 else None
            found = [BY_BANK.get(entry, entry) if bank else entry for entry in MOVES[(before, now)]]
            rows += [(state, bank, sequence, entry.value) for entry in found]
    table = pl.DataFrame(rows, schema=["state", "by_bank", "sequence", "entry"], orient="row")
    made = moves.join(table, on=["state", "by_bank", "sequence"]).select(
        "currency",
        "payment_id",
        "entry",
        refund_id="id",
        whole="amount",
        vat="tax",
        day=_local_day("when"),
        booked_at="when",
        request_id=pl.format("synth-{}", "number"),
        name=pl.format("refund/{}/{}", "id", "sequence"),
    )
    return _posted(made)


def _posted(entries: pl.DataFrame) -> pl.DataFrame:
    """The legs of each entry, those of nothing left out."""
    legs = [(e.value, str(d), str(c), part) for e, one in ledger.LEGS.items() for d, c, part in one]
    table = pl.DataFrame(legs, schema=["entry", "debit", "credit", "part"], orient="row")
    part = pl.col("part")
    amount = (
        pl.when(part == "amount")
        .then("whole")
        .when(part == "tax")
        .then("vat")
        .otherwise(pl.col("whole") - pl.col("vat"))
    )
    return (
        entries.join(table, on="entry", maintain_order="left_right")
        .with_columns(amount=amount)
        .filter(pl.col("amount") > 0)
        .with_columns(
            leg=pl.int_range(1, pl.len() + 1).over("name", "entry"),
            cause=pl.format("{}/{}", "name", "entry"),
            accounting_date="day",
        )
        .drop("whole", "vat", "part", "name", "day")
    )


def _local_day(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(ZONE).dt.date()
