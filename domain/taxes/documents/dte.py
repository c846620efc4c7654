"""Chile, DTE 61, alone or in a set. Real files often have no namespace; a note that corrects text moves no tax."""

from collections.abc import Sequence
from typing import Final

from domain.models.taxes import RefundCause
from domain.taxes.documents.said import SAID_MAX, TOO_MANY, Document, Said, Unread, day, minor, normal
from domain.taxes.documents.xml import Element, UnreadableDocument, each, needed, number, one, text

_CREDIT_NOTE: Final = "61"
_CORRECTS_TEXT: Final = "2"
_SALES: Final = frozenset({"30", "32", "33", "34", "38", "39", "41", "46", "110"})
_VOIDS: Final = "1"


def read(root: Element) -> Sequence[Said]:
    """What a `DTE` says. Raises Unreadable."""
    body = one(root, "Documento")
    if needed(body, "Encabezado/IdDoc/TipoDTE") != _CREDIT_NOTE:
        raise UnreadableDocument("It is no nota de crédito (TipoDTE 61).")
    references = [one_ for one_ in each(body, "Referencia") if text(one_, "TpoDocRef") in _SALES]
    codes = {text(one_, "CodRef") for one_ in references}
    if codes == {_CORRECTS_TEXT}:
        raise UnreadableDocument("It corrects a text (CodRef 2): no tax is in it.")
    folio, issuer = needed(body, "Encabezado/IdDoc/Folio"), needed(body, "Encabezado/Emisor/RUTEmisor")
    totals = one(body, "Encabezado/Totales")
    return [
        Document(
            country="CL",
            kind="DTE",
            name=normal(f"{issuer} 61 {folio}"),
            number=folio,
            issued_on=day(needed(body, "Encabezado/IdDoc/FchEmis")),
            issuer=issuer,
            currency="CLP",
            total=minor(number(needed(totals, "MntTotal")), "CLP"),
            tax=minor(number(text(totals, "IVA")), "CLP"),
            originals=_originals(references),
            cause=RefundCause.CANCELLATION if codes == {_VOIDS} else None,
            checked={"signature": "NOT_CHECKED", "stamp": "NOT_CHECKED", "status": "NOT_IN_FILE"},
        )
    ]


def read_set(root: Element) -> Sequence[Said]:
    """What each document of an `EnvioDTE` says; one that is nothing for us is told beside the others."""
    found: list[Said] = []
    for place, one_ in enumerate(each(root, "SetDTE/DTE"), start=1):
        if place > SAID_MAX:
            raise UnreadableDocument(TOO_MANY)
        try:
            found += read(one_)
        except UnreadableDocument as error:
            found.append(Unread(f"DTE {place}", str(error)))
    return found


def _originals(references: Sequence[Element]) -> tuple[str, ...]:
    """The type and folio of the sale's document; a payment may name the folio alone."""
    named = [(needed(one_, "TpoDocRef"), needed(one_, "FolioRef")) for one_ in references]
    if not named:
        raise UnreadableDocument("It refers to no document of a sale.")
    return tuple(dict.fromkeys(normal(name) for kind, folio in named for name in (f"{kind} {folio}", folio)))
