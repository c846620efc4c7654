"""Tax documents made here, after the published layouts: nobody's, and with every digit that has to agree."""

import base64
import hashlib
from collections.abc import Sequence

from lxml import etree

CNPJ = "12ABC34501DE35"
NFE = "http://www.portalfiscal.inf.br/nfe"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CREDIT = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
ATTACHED = "urn:oasis:names:specification:ubl:schema:xsd:AttachedDocument-2"


def access_key(number: int, issued: str = "2026-11-20", cnpj: str = CNPJ, serie: int = 1, model: str = "55") -> str:
    """An NF-e's 44 characters, with their check digit."""
    bare = f"35{issued[2:4]}{issued[5:7]}{cnpj.rjust(14, '0')}{model}{serie:03d}{number:09d}112345678"
    total = sum((ord(sign) - 48) * (2 + place % 8) for place, sign in enumerate(reversed(bare)))
    digit = 11 - total % 11
    return f"{bare}{0 if digit > 9 else digit}"


def nfe(
    number: int,
    originals: Sequence[str],
    *,
    total: str = "40.00",
    icms: str = "7.20",
    more: str = "",
    purpose: str = "4",
    status: str = "100",
    issued: str = "2026-11-20",
    key: str | None = None,
    credit_type: str = "",
    reform: str = "",
) -> bytes:
    """An authorised note of return, entry note of the seller's own."""
    key = key or access_key(number, issued)
    credit = f"<tpNFCredito>{credit_type}</tpNFCredito>" if credit_type else ""
    named = "".join(f"<NFref><refNFe>{one}</refNFe></NFref>" for one in originals)
    note = (
        f'<infNFe xmlns="{NFE}" Id="NFe{key}" versao="4.00"><ide><cUF>35</cUF><cNF>12345678</cNF>'
        f"<natOp>Devolução</natOp><mod>55</mod><serie>1</serie><nNF>{number}</nNF><dhEmi>{issued}T10:00:00-03:00</dhEmi>"
        f"<tpNF>0</tpNF><tpEmis>1</tpEmis><cDV>{key[-1]}</cDV><finNFe>{purpose}</finNFe>{credit}{named}</ide>"
        f"<emit><CNPJ>{CNPJ}</CNPJ></emit><dest><CPF>39053344705</CPF></dest><total><ICMSTot><vBC>{total}</vBC>"
        f"<vICMS>{icms}</vICMS>{more}<vNF>{total}</vNF></ICMSTot>{reform}</total></infNFe>"
    )
    canonical = etree.tostring(etree.fromstring(note), method="c14n")
    digest = base64.b64encode(hashlib.sha1(canonical, usedforsecurity=False).digest()).decode()
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><nfeProc xmlns="{NFE}" versao="4.00"><NFe>{note}'
        f'<Signature xmlns="{DSIG}"><SignedInfo><Reference URI="#NFe{key}"><DigestValue>{digest}</DigestValue>'
        f"</Reference></SignedInfo></Signature></NFe><protNFe><infProt><chNFe>{key}</chNFe><nProt>1</nProt>"
        f"<digVal>{digest}</digVal><cStat>{status}</cStat></infProt></protNFe></nfeProc>"
    ).encode()


def nfe_canceled(key: str, status: str = "135", event: str = "110111") -> bytes:
    """A cancellation that the authority has taken."""
    return (
        f'<procEventoNFe xmlns="{NFE}"><evento><infEvento><chNFe>{key}</chNFe><tpEvento>{event}</tpEvento></infEvento>'
        f"</evento><retEvento><infEvento><cStat>{status}</cStat><chNFe>{key}</chNFe></infEvento></retEvento>"
        "</procEventoNFe>"
    ).encode()


def cfdi(
    uuid: str, originals: Sequence[str], *, total: str = "116.00", iva: str = "16.00", relation: str = "03"
) -> bytes:
    """A stamped CFDI of type E."""
    named = "".join(f'<cfdi:CfdiRelacionado UUID="{one}"/>' for one in originals)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><cfdi:Comprobante xmlns:cfdi="http://www.sat.gob.mx/cfd/4" '
        'Version="4.0" Serie="NC" Folio="7" Fecha="2026-11-20T10:00:00" Sello="c2VsbG8=" Moneda="MXN" '
        f'SubTotal="100.00" Total="{total}" TipoDeComprobante="E" LugarExpedicion="06000">'
        f'<cfdi:CfdiRelacionados TipoRelacion="{relation}">{named}</cfdi:CfdiRelacionados>'
        '<cfdi:Emisor Rfc="EKU9003173C9"/><cfdi:Receptor Rfc="XAXX010101000" UsoCFDI="G02"/>'
        f'<cfdi:Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="100.00" '
        f'Impuesto="002" TipoFactor="Tasa" TasaOCuota="0.160000" Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>'
        '<cfdi:Complemento><tfd:TimbreFiscalDigital xmlns:tfd="http://www.sat.gob.mx/TimbreFiscalDigital" '
        f'Version="1.1" UUID="{uuid}" FechaTimbrado="2026-11-20T10:00:05" SelloCFD="c2VsbG8=" SelloSAT="x"/>'
        "</cfdi:Complemento></cfdi:Comprobante>"
    ).encode()


def ubl(
    number: str,
    original: str,
    *,
    currency: str = "PEN",
    total: str = "118.00",
    tax: str = "18.00",
    uuid: str = "",
    code: str = "07",
    issuer: str = "20123456789",
) -> bytes:
    """A credit note of Peru or, with a CUDE, of Colombia."""
    cude = f'<cbc:UUID schemeName="CUDE-SHA384">{uuid}</cbc:UUID>' if uuid else ""
    named = f"<cbc:ID>{original}</cbc:ID>"
    return (
        f'<CreditNote xmlns="{CREDIT}" xmlns:cac="{CAC}" xmlns:cbc="{CBC}"><cbc:UBLVersionID>2.1</cbc:UBLVersionID>'
        f"<cbc:ID>{number}</cbc:ID>{cude}<cbc:IssueDate>2026-11-20</cbc:IssueDate><cac:DiscrepancyResponse>"
        f"<cbc:ResponseCode>{code}</cbc:ResponseCode></cac:DiscrepancyResponse><cac:BillingReference>"
        f"<cac:InvoiceDocumentReference>{named}</cac:InvoiceDocumentReference></cac:BillingReference>"
        f"<cac:AccountingSupplierParty><cac:Party><cac:PartyIdentification><cbc:ID>{issuer}</cbc:ID>"
        "</cac:PartyIdentification></cac:Party></cac:AccountingSupplierParty>"
        f'<cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount></cac:TaxTotal>'
        f'<cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">0.00</cbc:TaxAmount></cac:TaxTotal>'
        f'<cac:LegalMonetaryTotal><cbc:PayableAmount currencyID="{currency}">{total}</cbc:PayableAmount>'
        "</cac:LegalMonetaryTotal></CreditNote>"
    ).encode()


def attached(inner: bytes) -> bytes:
    """What DIAN's buyers get: the note as text in another document."""
    return (
        f'<AttachedDocument xmlns="{ATTACHED}" xmlns:cac="{CAC}" xmlns:cbc="{CBC}"><cac:Attachment>'
        f"<cac:ExternalReference><cbc:Description><![CDATA[{inner.decode()}]]></cbc:Description>"
        "</cac:ExternalReference></cac:Attachment></AttachedDocument>"
    ).encode()


def dte(
    folio: int, original: int, *, total: str = "15990", iva: str = "2553", code: str = "3", kind: str = "61"
) -> bytes:
    """A Chilean note without a namespace, as real ones come."""
    return (
        f'<?xml version="1.0" encoding="ISO-8859-1"?><DTE version="1.0"><Documento><Encabezado><IdDoc>'
        f"<TipoDTE>{kind}</TipoDTE><Folio>{folio}</Folio><FchEmis>2026-11-20</FchEmis></IdDoc>"
        f"<Emisor><RUTEmisor>76192083-9</RUTEmisor></Emisor><Totales><MntNeto>13437</MntNeto><IVA>{iva}</IVA>"
        f"<MntTotal>{total}</MntTotal></Totales></Encabezado><Referencia><TpoDocRef>33</TpoDocRef>"
        f"<FolioRef>{original}</FolioRef><CodRef>{code}</CodRef></Referencia></Documento></DTE>"
    ).encode("iso-8859-1")


def clave(number: int, ruc: str = "1790016919001") -> str:
    """An Ecuadorian claveAcceso with its check digit."""
    bare = f"2011202604{ruc}2001002{number:09d}123456781"
    left = 11 - sum(int(sign) * (2 + place % 6) for place, sign in enumerate(reversed(bare))) % 11
    return f"{bare}{ {11: 0, 10: 1}.get(left, left) }"


def sri(number: int, original: str, *, buyer: str = "0102030405", state: str = "AUTORIZADO", key: str = "") -> bytes:
    """An authorised Ecuadorian credit note."""
    inner = (
        '<?xml version="1.0" encoding="UTF-8"?><notaCredito id="comprobante" version="1.1.0"><infoTributaria>'
        f"<ruc>1790016919001</ruc><claveAcceso>{key or clave(number)}</claveAcceso><codDoc>04</codDoc>"
        f"<estab>001</estab><ptoEmi>002</ptoEmi><secuencial>{number:09d}</secuencial></infoTributaria><infoNotaCredito>"
        f"<fechaEmision>20/11/2026</fechaEmision><identificacionComprador>{buyer}</identificacionComprador>"
        f"<codDocModificado>01</codDocModificado><numDocModificado>{original}</numDocModificado>"
        "<valorModificacion>115.00</valorModificacion><totalConImpuestos><totalImpuesto><codigo>2</codigo>"
        "<codigoPorcentaje>4</codigoPorcentaje><baseImponible>100.00</baseImponible><valor>15.00</valor>"
        "</totalImpuesto></totalConImpuestos></infoNotaCredito></notaCredito>"
    )
    return (
        f"<autorizacion><estado>{state}</estado><numeroAutorizacion>1</numeroAutorizacion>"
        f"<comprobante><![CDATA[{inner}]]></comprobante></autorizacion>"
    ).encode()
