"""Tax documents as a table (CSV), columns found by their headers in four languages. What is ambiguous is refused."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Final

from domain.models.taxes import RefundCause
from domain.money import exponent_of
from domain.taxes.documents.said import SAID_MAX, Cancellation, Document, Said, Unread, day, day_first, minor, normal
from domain.taxes.documents.xml import BYTES_MAX, UnreadableDocument

ROWS_MAX: Final = SAID_MAX
_COLUMNS_MAX: Final = 200
_NAME_MAX: Final = 60  # of a column
_CELL_MAX: Final = 500
_DELIMITERS: Final = ",;\t|"
# Each column by what it may be called, without accents and in small letters: English, Spanish, Portuguese, Chinese.
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("number", "document number", "credit note", "numero", "numero de documento", "folio", "nota de credito",
               "numero da nota", "nota de devolucao", "单号", "发票号码", "红字发票号码", "凭证号"),
    "key": ("key", "access key", "uuid", "clave de acceso", "clave", "chave", "chave de acesso", "cufe",
            "cude", "密钥"),
    "date": ("date", "issue date", "issued on", "fecha", "fecha de emision", "fecha docto", "data", "data de emissao",
             "日期", "开票日期"),
    "total": ("total", "amount", "gross", "importe", "importe total", "monto", "monto total", "valor", "valor total",
              "imp. total", "金额", "价税合计", "总额"),
    "tax": ("tax", "vat", "tax amount", "impuesto", "iva", "igv", "monto iva", "imposto", "icms", "valor do imposto",
            "税额", "增值税"),
    "currency": ("currency", "moneda", "moeda", "币种", "货币"),
    "original": ("original", "original document", "invoice", "sale document", "documento original", "factura",
                 "factura original", "folio docto. referencia", "comprobante asociado", "nota original",
                 "documento de origem", "nota fiscal", "原发票", "原发票号码", "原单号"),
    "refund": ("refund", "refund reference", "reembolso", "referencia", "referencia del reembolso", "devolucion",
               "estorno", "referencia do estorno", "退款", "退款号", "退款参考号"),
    "country": ("country", "pais", "国家"),
    "cause": ("cause", "reason", "causa", "motivo", "原因"),
    "status": ("status", "estado", "situacao", "situacion", "状态"),
    "issuer": ("issuer", "emisor", "emitente", "rut emisor", "开票方"),
}  # fmt: skip
# What a header lacks is said by these: Spanish, Portuguese, Chinese.
_SHORT: Final[Mapping[str, tuple[str, str, str]]] = {
    "number": ("número", "número", "红字发票号码"),
    "date": ("fecha", "data", "日期"),
    "total": ("importe", "valor", "金额"),
    "tax": ("IVA", "ICMS", "税额"),
    "original": ("factura", "nota fiscal", "原发票"),
}
_CAUSES: Final[Mapping[str, RefundCause]] = {
    **dict.fromkeys(("return", "return_of_goods", "devolucion", "devolucao", "退货"), RefundCause.RETURN_OF_GOODS),
    **dict.fromkeys(("discount", "descuento", "desconto", "bonificacion", "折让"), RefundCause.DISCOUNT),
    **dict.fromkeys(("billing_error", "error", "erro", "开票错误"), RefundCause.BILLING_ERROR),
    **dict.fromkeys(("cancellation", "anulacion", "cancelamento", "取消"), RefundCause.CANCELLATION),
}
# Canceled, or never taken by its authority: either way it takes nothing back.
_CANCELED: Final = frozenset({"canceled", "cancelled", "cancelada", "cancelado", "anulada", "anulado", "作废",
                              "rejected", "rechazada", "rechazado", "rejeitada", "rejeitado", "被拒"})  # fmt: skip
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([.,' ])[0-9]{3}(?:\1[0-9]{3})*)?(?:([.,])[0-9]{1,4})?")
_PLAIN: Final = re.compile(r"[0-9]{1,13}(?:[.,][0-9]{1,4})?")
_COMPACT_DAY: Final = re.compile(r"[0-9]{8}")
Row = Mapping[str, str]


def read(content: bytes, country: str, currency: str) -> Sequence[Said]:
    """What each row says; `country` and `currency` where it names none. Raises Unreadable for what is no table."""
    given = _table(content)
    columns = _columns([name[:_NAME_MAX] for name in given[0]])
    if len(given) - 1 > ROWS_MAX:
        raise UnreadableDocument(f"More than {ROWS_MAX} rows: hand it in in parts.")
    return [
        _said(line, columns, cells, country, currency) for line, cells in enumerate(given[1:], start=2) if any(cells)
    ]


def _table(content: bytes) -> Sequence[Sequence[str]]:
    """The header and as many rows as are taken, and one more. Raises Unreadable."""
    if len(content) > BYTES_MAX:
        raise UnreadableDocument(f"A table has at most {BYTES_MAX} bytes: hand it in in parts.")
    try:
        told = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        told = content.decode("cp1252", "replace")
    first = told.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        found = list(islice(_rows(told, delimiter), ROWS_MAX + 2))
    except csv.Error as error:
        raise UnreadableDocument(f"It is no table: {error}.") from None
    if not found:
        raise UnreadableDocument("The table is empty.")
    return found


def _rows(told: str, delimiter: str) -> Iterator[list[str]]:
    for row in csv.reader(io.StringIO(told, newline=""), delimiter=delimiter, strict=True):
        if len(row) > _COLUMNS_MAX:
            raise UnreadableDocument(f"More than {_COLUMNS_MAX} columns.")
        yield [cell.strip() for cell in row]


def _columns(header: Sequence[str]) -> Mapping[str, int]:
    """Where each column stands. Raises Unreadable where what every row needs is not there, or is there twice."""
    plain = [_plain(name) for name in header]
    found: dict[str, int] = {}
    for column, names in _HEADERS.items():
        places = [place for place, name in enumerate(plain) if name in names]
        if len(places) > 1:
            raise UnreadableDocument(
                f"Two columns are the {column}: {', '.join(header[place][:40] for place in places)}."
            )
        if places:
            found[column] = places[0]
    lacking = {"date", "total", "tax"} - found.keys()
    if "number" not in found and "key" not in found:
        lacking.add("number")
    if "original" not in found and "refund" not in found:
        lacking.add("original")
    if lacking:
        told = "; ".join(_called(column) for column in sorted(lacking))
        raise UnreadableDocument(f"The header lacks: {told}.")
    return found


def _called(column: str) -> str:
    """A column by its first names, of which one in each language may stand in the header."""
    spanish, portuguese, chinese = _SHORT[column]
    return f"{column} ({', '.join(dict.fromkeys((spanish, portuguese, chinese)))})"


def _plain(name: str) -> str:
    """Small letters without accents, signs of spaces as one space."""
    # No more of a cell than any word of ours has: to make accents plain takes the square of how many stand in a row.
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name[:_NAME_MAX]) if not unicodedata.combining(sign))
    return " ".join(bare.lower().replace("_", " ").split())


def _said(line: int, columns: Mapping[str, int], cells: Sequence[str], country: str, currency: str) -> Said:
    row = {name: _cell(cells[place]) if place < len(cells) else "" for name, place in columns.items()}
    try:
        if not all(cell.isprintable() for cell in row.values()):
            raise UnreadableDocument("It has characters that cannot be printed.")
        return _of_row(line, row, row.get("country") or country, row.get("currency") or currency)
    except UnreadableDocument as error:
        return Unread(f"line {line}", str(error))


def _cell(told: str) -> str:
    """What stands there, every kind of space and line's end as one space."""
    return " ".join(told[:_CELL_MAX].split())


def _of_row(line: int, row: Row, country: str, currency: str) -> Said:
    where, number = f"line {line}", row.get("number") or row.get("key", "")
    if not number:
        raise UnreadableDocument("It has no number.")
    if len(country) != 2 or not country.isascii() or not country.isupper():
        raise UnreadableDocument(f"{country[:20]!r} is no country as BR.")
    name = normal(row.get("key") or f"{country} {row.get('issuer', '')} {number}")
    if _plain(row.get("status", "")) in _CANCELED:
        return Cancellation(country, name, where, number)
    originals = [normal(one) for one in row.get("original", "").replace(";", " , ").split(",") if one.strip()]
    if not originals and not row.get("refund"):
        raise UnreadableDocument("It names neither the sale's document nor the refund.")
    return Document(
        country=country,
        kind="CSV",
        name=name,
        number=number,
        issued_on=_day(row["date"]),
        issuer=row.get("issuer") or None,
        currency=currency,
        total=minor(amount_of(row["total"], currency), currency),
        tax=minor(amount_of(row["tax"], currency), currency),
        originals=tuple(dict.fromkeys(originals)),
        refund_reference=row.get("refund") or None,
        cause=_CAUSES.get(_plain(row.get("cause", "")).replace(" ", "_")),
        checked={"signature": "NOT_IN_FILE", "status": "NOT_IN_FILE"},
        where=where,
    )


def _day(told: str) -> date:
    if _COMPACT_DAY.fullmatch(told):
        return day(f"{told[:4]}-{told[4:6]}-{told[6:]}")
    return day_first(told) if "/" in told else day(told)


def amount_of(told: str, currency: str) -> Decimal:
    """An amount as people write it; `1.234` could be two amounts where there are decimals. Raises Unreadable."""
    bare = told.replace("\N{NO-BREAK SPACE}", " ").strip()
    grouped = _GROUPED.fullmatch(bare)
    if grouped is not None and grouped[1] is not None:
        if grouped[2] == grouped[1]:
            raise UnreadableDocument(f"{told[:40]!r} has one sign for thousands and decimals.")
        if grouped[2] is None and grouped[1] in ".," and bare.count(grouped[1]) == 1 and _has_decimals(currency):
            raise UnreadableDocument(f"{told[:40]!r} may be thousands or decimals: write all decimals.")
        return Decimal(bare.replace(grouped[1], "").replace(",", "."))
    if _PLAIN.fullmatch(bare) is None:
        raise UnreadableDocument(f"{told[:40]!r} is no amount above zero.")
    return Decimal(bare.replace(",", "."))


def _has_decimals(currency: str) -> bool:
    try:
        return exponent_of(currency) > 0
    except ValueError as error:
        raise UnreadableDocument(str(error)) from None
