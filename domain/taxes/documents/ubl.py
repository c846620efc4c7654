"""Colombia and Peru, UBL 2.1 CreditNote, alone or attached. Peru's carry no hash of the original, only its number."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from domain.models.taxes import RefundCause
from domain.taxes.documents.said import Document, Said, day, minor, normal
from domain.taxes.documents.xml import Element, UnreadableDocument, attribute, each, needed, number, one, parse, text

_INNER: Final = "Attachment/ExternalReference/Description"
_C: Final = RefundCause
# DIAN: 1 partial return, 2 annulled, then discounts and prices, numbered differently by the annexes.
_CO: Final = {"1": _C.RETURN_OF_GOODS, "2": _C.CANCELLATION, "3": _C.DISCOUNT, "4": _C.DISCOUNT, "5": _C.DISCOUNT}
_CO_MORE: Final = {"6": _C.DISCOUNT, "7": _C.DISCOUNT}
# SUNAT, catalogue 09.
_PE: Final = {
    "01": _C.CANCELLATION,
    "02": _C.BILLING_ERROR,
    "03": _C.BILLING_ERROR,
    "04": _C.DISCOUNT,
    "05": _C.DISCOUNT,
    "06": _C.RETURN_OF_GOODS,
    "07": _C.RETURN_OF_GOODS,
    "08": _C.DISCOUNT,
    "09": _C.DISCOUNT,
}
_ACCEPTED: Final = "NOT_IN_FILE"


def read_attached(root: Element) -> Sequence[Said]:
    """What an `AttachedDocument` carries. Raises Unreadable."""
    inner = parse(needed(root, _INNER).encode())
    return read(inner)


def read(root: Element) -> Sequence[Said]:
    """What a `CreditNote` says. Raises Unreadable."""
    colombian = text(root, "UUID") is not None or "DIAN" in (text(root, "ProfileID") or "")
    payable = one(root, "LegalMonetaryTotal/PayableAmount")
    currency = attribute(payable, "currencyID")
    note, issuer = needed(root, "ID"), _issuer(root)
    code = text(root, "DiscrepancyResponse/ResponseCode") or ""
    return [
        Document(
            country="CO" if colombian else "PE",
            kind="UBL",
            name=normal(needed(root, "UUID") if colombian else f"{issuer} 07 {note}"),
            number=note,
            issued_on=day(needed(root, "IssueDate")),
            issuer=issuer,
            currency=currency,
            total=minor(number(text(payable)), currency),
            tax=minor(_tax(root), currency),
            originals=_originals(root),
            cause={**_CO, **_CO_MORE}.get(code) if colombian else _PE.get(code),
            checked={"signature": "NOT_CHECKED", "accepted": _ACCEPTED, "status": "NOT_IN_FILE"},
        )
    ]


def _tax(root: Element) -> Decimal:
    """The sum of the header's taxes: older files have one for each scheme."""
    return sum((number(needed(total, "TaxAmount")) for total in each(root, "TaxTotal")), Decimal(0))


def _issuer(root: Element) -> str:
    """The seller's tax ID: a scheme's company ID, or the party's identification."""
    party = one(root, "AccountingSupplierParty/Party")
    told = text(party, "PartyTaxScheme/CompanyID") or text(party, "PartyIdentification/ID")
    told = (
        told
        or text(party, "PartyLegalEntity/CompanyID")
        or text(root, "AccountingSupplierParty/CustomerAssignedAccountID")
    )
    if told is None:
        raise UnreadableDocument("It does not say who issued it.")
    return told


def _originals(root: Element) -> tuple[str, ...]:
    named = [
        text(one_, part) for one_ in each(root, "BillingReference/InvoiceDocumentReference") for part in ("UUID", "ID")
    ]
    named += [text(one_, "ReferenceID") for one_ in each(root, "DiscrepancyResponse")]
    found = tuple(dict.fromkeys(normal(name) for name in named if name))
    if not found:
        raise UnreadableDocument("It refers to no document of a sale.")
    return found
