"""Mexico, CFDI 4.0 of type E: the sale's documents are named by UUID, one document may name several.

Whether it was canceled later is known to the SAT alone and stands in no file.
"""

from collections.abc import Sequence
from typing import Final

from domain.models.taxes import RefundCause
from domain.taxes.documents.said import Document, Said, day, minor, normal
from domain.taxes.documents.xml import Element, UnreadableDocument, attribute, each, number, one

NAMESPACE: Final = "http://www.sat.gob.mx/cfd/4"
_IVA: Final = "002"
_CAUSES: Final = {"01": RefundCause.DISCOUNT, "03": RefundCause.RETURN_OF_GOODS}


def read(root: Element) -> Sequence[Said]:
    """What a `Comprobante` says. Raises Unreadable."""
    if attribute(root, "Version") != "4.0" or attribute(root, "TipoDeComprobante") != "E":
        raise UnreadableDocument("It is no CFDI 4.0 of type E (egreso).")
    stamp = one(root, "Complemento/TimbreFiscalDigital")
    if stamp is None:
        raise UnreadableDocument("It has no TimbreFiscalDigital: it was not stamped.")
    currency = attribute(root, "Moneda")
    relations = [block for block in each(root, "CfdiRelacionados") if block.get("TipoRelacion") in _CAUSES]
    uuids = [attribute(one_, "UUID") for block in relations for one_ in each(block, "CfdiRelacionado")]
    if not uuids:
        raise UnreadableDocument("It relates to no document of a sale by TipoRelacion 01 or 03.")
    causes = {_CAUSES[block.get("TipoRelacion", "")] for block in relations}
    uuid = attribute(stamp, "UUID").upper()
    return [
        Document(
            country="MX",
            kind="CFDI",
            name=normal(uuid),
            number=" ".join(filter(None, (root.get("Serie"), root.get("Folio")))) or uuid,
            issued_on=day(attribute(root, "Fecha")),
            issuer=attribute(one(root, "Emisor"), "Rfc"),
            currency=currency,
            total=minor(number(attribute(root, "Total")), currency),
            tax=_iva(root, currency),
            originals=tuple(dict.fromkeys(map(normal, uuids))),
            cause=causes.pop() if len(causes) == 1 else None,
            checked={
                "stamp": "MATCHES" if stamp.get("SelloCFD") == root.get("Sello") else "DIFFERS",
                "signature": "NOT_CHECKED",
                "status": "NOT_IN_FILE",
            },
        )
    ]


def _iva(root: Element, currency: str) -> int:
    """The IVA that the document expressly gives back: its summary, which the SAT rounds to the currency's decimals."""
    summary = [one_ for one_ in each(root, "Impuestos/Traslados/Traslado") if one_.get("Impuesto") == _IVA]
    return sum(minor(number(one_.get("Importe")), currency) for one_ in summary)
