"""What the lines of a report say that the books do not, as findings. Pure: it reads lines and writes nothing."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import polars as pl

from domain.findings import names
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.models.settlements import Effect
from domain.money import Money
from domain.platform.in_columns import is_empty, says

Line = dict[str, Any]  # a line with the columns of domain/reconciliation/match
# What `agreed` looks at.
AGREEING: Final = (
    *("type", "effect", "amount", "reference", "pse_refund_reference", "by_amount", "booked_at"),
    *(
        "payment_id",
        "payment_captured",
        "refund_id",
        "refund_amount",
        "refund_told",
        "capture_told",
        "again",
        "came_of",
        "unclear",
        "doubtful",
    ),
)


def of_status(connection: Connection, run: ReconciliationRun, line: Line) -> Found:
    """The report and the books disagree about what became of a refund."""
    said, known = line["state"], line["refund_state"]
    return _found(
        FindingKind.STATUS_MISMATCH,
        connection,
        run,
        line,
        fingerprint=f"status/{line['refund_id']}/{said}",
        amount=line["amount"],
        explanation=f"The report says {said} for refund {line['refund_reference']}, our books said {known}.",
        detail={"report": said, "ledger": known},
    )


def of_amounts(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Refunds that the report has with another amount, payments of which reports tell another sum of captures, and
    what came back with another amount than had left.
    """
    differ = lines.filter(_DIFFER)
    if differ.is_empty():  # so it is where report and books agree
        return []
    refunds = differ.filter(_OTHER_REFUND).unique("refund_id", keep="first", maintain_order=True)
    payments = differ.filter(_OTHER_CAPTURE).unique("payment_id", keep="first", maintain_order=True)
    back = differ.filter(_OTHER_RETURN)
    return [
        *(_amount(connection, run, line, "payment") for line in payments.sort("line").iter_rows(named=True)),
        *(_amount(connection, run, line, "refund") for line in refunds.sort("line").iter_rows(named=True)),
        *(_came_back(connection, run, line) for line in back.iter_rows(named=True)),
    ]


_OTHER_REFUND: Final = pl.col("refund_told") != pl.col("refund_amount")
_OTHER_CAPTURE: Final = pl.col("capture_told") != pl.col("payment_captured")
_OTHER_RETURN: Final = ~pl.col("again") & (pl.col("amount") != pl.col("came_of"))
_DIFFER: Final = pl.any_horizontal(one.fill_null(value=False) for one in (_OTHER_REFUND, _OTHER_CAPTURE, _OTHER_RETURN))


def _amount(connection: Connection, run: ReconciliationRun, line: Line, noun: str) -> Found:
    known = line["payment_captured"] if noun == "payment" else line["refund_amount"]
    told = line["capture_told"] if noun == "payment" else line["refund_told"]
    name = line["payment_reference"] if noun == "payment" else line["refund_reference"]
    said, ours = Money(told, line["currency"]), Money(known, line["currency"])
    return _found(
        FindingKind.AMOUNT_MISMATCH,
        connection,
        run,
        line,
        fingerprint=f"amount/{line[f'{noun}_id']}",
        amount=abs(told - known),
        explanation=f"The report says {said} for {noun} {name}, our books say {ours}.",
        detail={"report": told, "ledger": known},
    )


def _came_back(connection: Connection, run: ReconciliationRun, line: Line) -> Found:
    said, ours = (Money(amount, line["currency"]) for amount in (line["amount"], line["came_of"]))
    what = f"refund {line['refund_reference']}" if line["refund_id"] else f"{_name(line)}, which was no refund of ours,"
    return _found(
        FindingKind.AMOUNT_MISMATCH,
        connection,
        run,
        line,
        fingerprint=_of_return(line),
        amount=abs(line["amount"] - line["came_of"]),
        explanation=f"The report says that {said} of {what} came back; our books had {ours} leave and come back.",
        detail={"report": line["amount"], "ledger": line["came_of"]},
    )


def _of_return(line: Line) -> str:
    of_payment = f"{line['payment_id']}/{_name(line)}"
    return f"amount/back/{line['refund_id'] or of_payment}"


def duplicates(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Lines that tell once more what the same report has told before; by two names of the PSE's, be it in two reports
    of one kind, a refund left twice.
    """
    if not lines["again"].any():
        return []
    first = lines.lazy().filter(~pl.col("again") & (pl.col("effect") == Effect.REFUND.value)).drop_nulls("refund_id")
    names = first.select("refund_id", _first="pse_refund_reference").unique("refund_id").collect(engine="in-memory")
    again = lines.filter("again").join(names, on="refund_id", how="left", maintain_order="left")
    told = pl.when(pl.col("first_name") != pl.col("pse_refund_reference")).then("first_name")
    again = again.with_columns(_first=pl.coalesce(told, "_first"))
    other = (pl.col("_first") != pl.col("pse_refund_reference")).fill_null(value=False)
    twice = other & (pl.col("type") == "REFUND") & (pl.col("state") == "SUCCEEDED")
    return [
        *(_twice(connection, run, line) for line in again.filter(twice).iter_rows(named=True)),
        *(_duplicate(connection, run, line) for line in again.filter(~twice).iter_rows(named=True)),
    ]


def _duplicate(connection: Connection, run: ReconciliationRun, line: Line) -> Found:
    return _found(
        FindingKind.DUPLICATE_LINE,
        connection,
        run,
        line,
        fingerprint=f"duplicate/{line['payment_id']}/{line['type']}/{line['state']}/{_name(line)}",
        amount=line["amount"],
        explanation=(
            f"The report tells of {Money(line['amount'], line['currency'])}, a {line['type'].lower()} "
            f"({_name(line)}), more than once; it was counted once."
        ),
        detail={"line": line["line"], "reference": _name(line)},
    )


def _twice(connection: Connection, run: ReconciliationRun, line: Line) -> Found:
    first, second = line["_first"], line["pse_refund_reference"]
    return _found(
        FindingKind.DUPLICATE_REFUND,
        connection,
        run,
        line,
        fingerprint=f"refunded-twice/{line['payment_id']}/{_name(line)}",
        amount=line["amount"],
        explanation=(
            f"The PSE has two refunds for our refund {line['refund_reference']}, {first} and {second}: "
            f"{Money(line['amount'], line['currency'])} has left twice. The second is in SUSPENSE."
        ),
        detail={"ours": {"refunds": 1}, "theirs": {"refunds": [first, second]}, "differs": ["refunds"]},
    )


def repeated(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Money that left without a refund of ours in rows that may be one row told twice: all of it counts."""
    return [
        _found(
            FindingKind.DUPLICATE_LINE,
            connection,
            run,
            line,
            fingerprint=_of_repeated(line),
            amount=line["amount"],
            explanation=(
                f"Rows of reports tell {Money(line['amount'], line['currency'])} under one name ({_name(line)}) more "
                "than once, and may be one row: to be safe, each is booked as taken."
            ),
            detail={"line": line["line"], "reference": _name(line)},
        )
        for line in lines.filter("doubtful").iter_rows(named=True)
    ]


def _of_repeated(line: Line) -> str:
    return f"{names.REPEATED}{line['payment_id']}/{line['amount']}/{_name(line)}"


def unclear(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Money that came back, and of which it is not known what it was."""
    if is_empty(lines["unclear"]):
        return []
    return [
        _found(
            FindingKind.UNCLEAR_LINE,
            connection,
            run,
            line,
            fingerprint=_of_unclear(line),
            amount=line["amount"],
            explanation=(
                f"{Money(line['amount'], line['currency'])} of payment {line['payment_reference'] or _name(line)} came "
                f"back without a name, and {_UNCLEAR[line['unclear']]}."
            ),
            detail={"reference": _name(line)},
        )
        for line in lines.filter(pl.col("unclear").is_not_null()).iter_rows(named=True)
    ]


def agreed(lines: pl.DataFrame) -> Sequence[str]:
    """Fingerprints of amounts that agree now, and of money that is clear now, be it that it left or came back."""
    settled = lines.filter(pl.col("refund_told") == pl.col("refund_amount"))
    whole = lines.filter(pl.col("capture_told") == pl.col("payment_captured"))["payment_id"].unique()
    back = lines.filter(pl.col("by_amount") & (pl.col("type") == "REFUND") & pl.col("payment_id").is_not_null())
    clear = {_of_unclear({**line, "unclear": one}) for line in back.iter_rows(named=True) for one in _UNCLEAR}
    still = {_of_unclear(line) for line in lines.filter(pl.col("unclear").is_not_null()).iter_rows(named=True)}
    whole_back = lines.filter(~pl.col("again") & (pl.col("amount") == pl.col("came_of")))
    returns = (_of_return(line) for line in whole_back.iter_rows(named=True))
    amounts = (f"amount/{one}" for one in (*whole, *settled["refund_id"]))
    sure = lines.filter((pl.col("effect") == Effect.TAKEN.value) & ~pl.col("by_amount") & ~pl.col("doubtful"))
    told_once = (_of_repeated(line) for line in sure.iter_rows(named=True))
    return [*amounts, *returns, *told_once, *sorted(clear - still)]


_UNCLEAR: Final = {"SEVERAL": "several refunds can be it", "NOTHING": "nothing is known that had left"}


def _of_unclear(line: Line) -> str:
    # What waits for the report of its leaving is one of its amount; what several can have is this very line.
    return f"unclear/{line['payment_id']}/{line['amount'] if line['unclear'] == 'NOTHING' else _name(line)}"


def _name(line: Line) -> str:
    name: str = (
        line["reference"] or line["pse_refund_reference"] or f"{line['amount']}/{line['booked_at']:%Y%m%d%H%M%S}"
    )
    return name


def vat_reversals(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Refunds that are proven, and whose VAT has not been taken back."""
    if not says(lines, "effect", Effect.REFUND.value):
        return []
    left = (pl.col("effect") == Effect.REFUND.value) & (pl.col("refund_state") != "RETURNED")
    taxed = lines.filter(left & (pl.col("refund_tax") > 0))
    return [
        _found(
            FindingKind.VAT_REVERSAL_NEEDED,
            connection,
            run,
            line,
            fingerprint=names.vat(line["refund_id"]),
            amount=line["refund_tax"],
            explanation=(
                f"Refund {line['refund_reference']} is proven; {Money(line['refund_tax'], line['currency'])} of VAT "
                "was paid on the sale and has not been taken back."
            ),
        )
        for line in taxed.iter_rows(named=True)
    ]


def _found(
    kind: FindingKind,
    connection: Connection,
    run: ReconciliationRun,
    line: Line,
    *,
    fingerprint: str,
    amount: int,
    explanation: str,
    detail: Line | None = None,
) -> Found:
    return Found(
        kind=kind,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=Money(amount, line["currency"]),
        explanation=explanation,
        refund_id=UUID(line["refund_id"]) if line["refund_id"] else None,
        payment_id=UUID(line["payment_id"]) if line["payment_id"] else None,
        detail=detail or {},
    )
