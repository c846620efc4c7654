"""Ecuador, notaCredito 1.x, alone or with its authorisation. The original is named by its number, and by no hash."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from domain.taxes.documents.said import Document, Said, day_first, minor, normal
from domain.taxes.documents.xml import Element, UnreadableDocument, each, needed, number, one, parse, text

_KEY: Final = re.compile(r"[0-9]{49}")
_IVA: Final = "2"
_UNNAMED: Final = "9999999999999"
_NO_NOTE_SINCE: Final = 2026
_CREDIT_NOTE: Final = "04"


def read_authorised(root: Element) -> Sequence[Said]:
    """What an `autorizacion` carries. Raises Unreadable."""
    if needed(root, "estado") != "AUTORIZADO":
        raise UnreadableDocument("The SRI has not authorised it.")
    return _read(parse(needed(root, "comprobante").encode()), authorised="MATCHES")


def read(root: Element) -> Sequence[Said]:
    """What a `notaCredito` says by itself. Raises Unreadable."""
    return _read(root, authorised="NOT_IN_FILE")


def _read(root: Element, authorised: str) -> Sequence[Said]:
    issuer, note = one(root, "infoTributaria"), one(root, "infoNotaCredito")
    key = needed(issuer, "claveAcceso")
    if not is_key(key) or needed(issuer, "codDoc") != _CREDIT_NOTE or key[8:10] != _CREDIT_NOTE:
        raise UnreadableDocument("Its claveAcceso has another check digit, or it is no credit note (codDoc 04).")
    issued = day_first(needed(note, "fechaEmision"))
    if needed(note, "identificacionComprador") == _UNNAMED and issued.year >= _NO_NOTE_SINCE:
        raise UnreadableDocument("Consumidor final: since 2026 there is no credit note, and the IVA is lost.")
    numbers = [needed(issuer, part) for part in ("estab", "ptoEmi", "secuencial")]
    if key[10:23] != needed(issuer, "ruc") or key[24:39] != "".join(numbers):
        raise UnreadableDocument("Its claveAcceso is not made of its own fields.")
    return [
        Document(
            country="EC",
            kind="SRI",
            name=normal(key),
            number="-".join(numbers),
            issued_on=issued,
            issuer=needed(issuer, "ruc"),
            currency="USD",
            total=minor(number(needed(note, "valorModificacion")), "USD"),
            tax=minor(_iva(note), "USD"),
            originals=(normal(needed(note, "numDocModificado")),),
            checked={"key": "MATCHES", "authorised": authorised, "signature": "NOT_CHECKED", "status": "NOT_IN_FILE"},
        )
    ]


def _iva(note: Element | None) -> Decimal:
    found = [one_ for one_ in each(note, "totalConImpuestos/totalImpuesto") if text(one_, "codigo") == _IVA]
    return sum((number(needed(one_, "valor")) for one_ in found), Decimal(0))


def is_key(key: str) -> bool:
    """Whether a claveAcceso has 49 digits and its check digit (modulo 11, weights 2 to 7 from the right)."""
    if _KEY.fullmatch(key) is None:
        return False
    left = 11 - sum(int(sign) * (2 + place % 6) for place, sign in enumerate(reversed(key[:48]))) % 11
    return int(key[48]) == {11: 0, 10: 1}.get(left, left)
