"""Which column of a bank's CSV is what: by a mapping of the merchant's, or by the words that banks write there."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.bank.statement import BadStatement

DELIMITERS: Final = (";", ",", "\t", "|")
ORDERS: Final = ("DMY", "YMD", "MDY")  # of a date; where two fit, the first: so people write in Latin America
HEADER_ROWS_MAX: Final = 60  # before it stand the bank's name, the account and the like
# To make accents plain takes the square of how many stand in a row, and nothing else of the process runs meanwhile.
_WORD_MAX: Final = 200

# In Portuguese, Spanish, English and Chinese, as found in exports of banks; without accents, in small letters.
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("fecha", "data", "date", "dia", "fecha operacion", "fecha de operacion", "fecha mov", "fecha movimiento",
             "data lancamento", "data do lancamento", "data movimento", "data mov.", "日期", "交易日期"),
    "amount": ("valor", "importe", "monto", "amount", "valor (r$)", "quantia", "valor r$", "金额", "交易金额"),
    "debit": ("cargo", "cargos", "debito", "debitos", "retiro", "retiros", "egreso", "egresos", "saida", "saidas",
              "debit", "debito (r$)", "withdrawal", "支出", "借方"),
    "credit": ("abono", "abonos", "credito", "creditos", "deposito", "depositos", "ingreso", "ingresos", "entrada",
               "entradas", "credit", "credito (r$)", "deposit", "收入", "贷方"),
    "text": ("descripcion", "concepto", "historico", "descricao", "lancamento", "detalle", "memo", "description",
             "details", "movimiento", "glosa", "摘要", "备注"),
    "reference": ("referencia", "documento", "docto.", "docto", "n documento", "numero de documento", "folio",
                  "clave de rastreo", "reference", "no. referencia", "流水号"),
    "balance": ("saldo", "saldo (r$)", "balance", "saldo contable", "余额"),
    "currency": ("moneda", "moeda", "currency", "币种"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """What a merchant says of a bank's CSV: the header's words. None: found by what banks usually write.

    `amount`, or `debit` and `credit`. `decimal`: `.` or `,`; `order`: of the parts of a date, one of ORDERS.
    """

    date: str | None = None
    amount: str | None = None
    debit: str | None = None
    credit: str | None = None
    text: tuple[str, ...] = ()
    reference: str | None = None
    balance: str | None = None
    currency: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand: places from 0 in each row, and the row of the header (from 0)."""

    row: int
    date: int
    amount: int | None
    debit: int | None
    credit: int | None
    text: tuple[int, ...]
    reference: int | None
    balance: int | None
    currency: int | None


def normal(word: str) -> str:
    """A header's word without accents, case and spaces around; what is longer than any stays as it is."""
    if len(word) > _WORD_MAX:
        return word
    bare = unicodedata.normalize("NFKD", word.strip().casefold())
    return " ".join("".join(letter for letter in bare if not unicodedata.combining(letter)).split())


def columns(rows: Sequence[Sequence[str]], mapping: CsvMapping) -> Columns | None:
    """The first row that names a date and an amount; None: there is none.

    Raises BadStatement for a doubled column, and where several may be the money.
    """
    for number, row in enumerate(rows[:HEADER_ROWS_MAX]):
        found = _of_header(number, row, mapping)
        if found is not None:
            return found
    return None


def _of_header(number: int, printed: Sequence[str], mapping: CsvMapping) -> Columns | None:
    header = [normal(cell) for cell in printed]
    places = {name: _place(header, name, getattr(mapping, name)) for name in _WORDS if name != "text"}
    if places["amount"] is not None and mapping.amount is None and _both(places):
        places["amount"] = None  # the two sides say more
    if places["date"] is None or (places["amount"] is None and not _both(places)):
        return None
    for name in ("debit", "credit") if places["amount"] is None else ("amount",):
        _check_alone(printed, header, name, mapping)
    text = tuple(place for word in mapping.text if (place := _place(header, "text", word)) is not None)
    usual = _place(header, "text", None)
    return Columns(
        row=number,
        date=places["date"],
        amount=places["amount"],
        debit=None if places["amount"] is not None else places["debit"],
        credit=None if places["amount"] is not None else places["credit"],
        text=text or (() if usual is None else (usual,)),
        reference=places["reference"],
        balance=places["balance"],
        currency=places["currency"],
    )


def _check_alone(printed: Sequence[str], header: Sequence[str], name: str, mapping: CsvMapping) -> None:
    """Raises BadStatement where several columns have usual words for one side of the money, and none is named."""
    if getattr(mapping, name) is not None:
        return
    found = [word.strip() for word, cell in zip(printed, header, strict=True) if cell in _WORDS[name]]
    told = ", ".join(found)
    if len(found) > 1:
        raise BadStatement(
            f"Several columns may be the {name} ({told}): name the one that counts in the account's mapping."
        )


def _both(places: Mapping[str, int | None]) -> bool:
    return places["debit"] is not None and places["credit"] is not None


def _place(header: Sequence[str], name: str, wanted: str | None) -> int | None:
    words = _WORDS[name] if wanted is None else (normal(wanted),)
    found = [place for place, cell in enumerate(header) if cell in words]
    if len(found) > 1 and wanted is not None:
        raise BadStatement(f"The header has {wanted!r} twice: have the bank name its columns apart.")
    return found[0] if found else None
