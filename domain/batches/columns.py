"""The columns of a sheet, by their names in four languages, and the words that its cells may hold. Pure.

A heading is recognised whatever its accents, capitals, spaces and signs are; what we have no name for is ignored, and
said. The first name in each language is the template's.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.languages import LOCALES
from domain.models.refunds import Reason


class SheetKind(StrEnum):
    """What a sheet is of."""

    REFUNDS = "REFUNDS"
    PAYMENTS = "PAYMENTS"


class SheetFormat(StrEnum):
    """As what a sheet is written."""

    XLSX = "XLSX"
    CSV = "CSV"


Names = Mapping[str, Sequence[str]]
# Letters of any heading, word or name of ours. To make accents plain takes the square of how many stand in a row, and
# nothing else of the process runs meanwhile.
_WORD_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Heading:
    """`names` by language; `is_id`: it names something, so a number in it must be whole."""

    key: str
    names: Names
    is_id: bool = False
    example: str = ""


def _names(en: str, zh: str, es: str, pt: str) -> Names:
    return {code: said.split("/") for code, said in zip(LOCALES, (en, zh, es, pt), strict=True)}


_ORDER: Final = Heading(
    "order",
    _names(
        "Order number/Order/Order no/Order id",
        "平台订单号/订单号/订单编号",
        "Número de pedido/Pedido/Orden/Número de orden",
        "Número do pedido/Pedido/ID do pedido",
    ),
    is_id=True,
    example="10482",
)
_PAYMENT: Final = Heading(
    "payment",
    _names(
        "Payment id/Payment/Payment at the PSE/Transaction id",
        "支付流水号/交易号/支付单号",
        "ID del pago/Pago/NSU/Transacción",
        "ID do pagamento/NSU/Pagamento/Transação",
    ),
    is_id=True,
    example="8815123456",
)
_AMOUNT: Final = Heading(
    "amount",
    _names(
        "Amount/Refund amount/Value",
        "退款金额/金额",
        "Monto/Importe/Importe del reembolso",
        "Valor/Valor do reembolso/Valor do estorno",
    ),
    example="150,00",
)
_CURRENCY: Final = Heading("currency", _names("Currency", "币种/货币", "Moneda/Divisa", "Moeda"), example="BRL")
_STORE: Final = Heading(
    "store", _names("Store/Shop/Store code", "店铺/店铺代码", "Tienda", "Loja"), is_id=True, example="S1"
)
_CONNECTION: Final = Heading(
    "connection",
    _names(
        "Connection/PSE", "支付机构/支付渠道/渠道", "Conexión/Proveedor de pago", "Conexão/Instituição de pagamento"
    ),
    is_id=True,
    example="pix-itau",
)
_TAX_ID: Final = Heading(
    "tax_id",
    _names(
        "Tax ID/Holder tax ID/Customer tax ID",
        "证件号/税号",
        "Documento/RFC/NIT",
        "CPF ou CNPJ/CPF/CNPJ/CPF CNPJ",
    ),
    is_id=True,
)
COLUMNS: Final[Mapping[SheetKind, Sequence[Heading]]] = {
    SheetKind.REFUNDS: (
        _ORDER,
        _PAYMENT,
        Heading(
            "number",
            _names(
                "Refund no/Refund number/Refund id/External id",
                "退款单号/退款编号",
                "Número de reembolso/ID del reembolso",
                "Número do reembolso/ID do reembolso/ID do estorno",
            ),
            is_id=True,
            example="R-2041",
        ),
        _AMOUNT,
        _CURRENCY,
        Heading("reason", _names("Reason", "退款原因/原因", "Motivo", "Motivo"), example="CUSTOMER_REQUEST"),
        Heading("note", _names("Note/Remark", "备注", "Nota/Observación/Obs", "Observação/Nota/Obs")),
        _STORE,
        _CONNECTION,
        Heading("again", _names("Again/Refund again", "再次退款", "Otra vez/Repetir", "De novo/Repetir")),
        Heading(
            "holder",
            _names("Account holder/Holder", "收款人", "Titular/Beneficiario", "Favorecido/Titular da conta"),
        ),
        _TAX_ID,
        Heading("pix_key", _names("Pix key", "Pix密钥", "Clave Pix", "Chave Pix"), is_id=True),
        Heading("clabe", _names("CLABE", "CLABE账号", "CLABE", "CLABE"), is_id=True),
    ),
    SheetKind.PAYMENTS: (
        _PAYMENT,
        _CONNECTION,
        _STORE,
        Heading(
            "method",
            _names("Method/Payment method", "支付方式", "Método/Método de pago", "Método/Método de pagamento"),
            example="PIX",
        ),
        Heading(
            "amount",
            _names("Amount/Captured", "支付金额/金额", "Monto/Importe", "Valor/Valor pago"),
            example="980,00",
        ),
        _CURRENCY,
        Heading(
            "captured_at",
            _names("Captured at/Paid at/Date", "支付时间/日期", "Pagado el/Fecha", "Pago em/Data"),
            example="2026-11-03 14:05",
        ),
        _ORDER,
        Heading("customer", _names("Customer", "客户", "Cliente", "Cliente"), is_id=True),
        _TAX_ID,
        Heading("tax", _names("VAT/Tax", "增值税/税额", "IVA/Impuesto", "Imposto/ICMS")),
        Heading("document", _names("Tax document/Invoice", "发票号", "Factura", "Nota fiscal"), is_id=True),
    ),
}
NEEDED: Final[Mapping[SheetKind, Sequence[Sequence[str]]]] = {  # of each, one
    SheetKind.REFUNDS: (("order", "payment"), ("amount",), ("currency",)),
    SheetKind.PAYMENTS: (("payment",), ("connection",), ("method",), ("amount",), ("currency",), ("captured_at",)),
}
# What our own result puts behind the rows: a sheet that was a result may come back, and these say nothing then.
RESULT: Final[Mapping[str, Names]] = {
    "refund": _names("Estorno reference", "Estorno退款号", "Referencia Estorno", "Referência Estorno"),
    "state": _names("State", "状态", "Estado", "Situação"),
    "finished": _names("Finished at (UTC)", "完成时间 (UTC)", "Terminado el (UTC)", "Concluído em (UTC)"),
    "pse": _names("PSE reference", "支付机构退款号", "Referencia del PSE", "Referência na instituição"),
    "error": _names("Error", "失败原因", "Error", "Erro"),
}
_REASONS: Final[Mapping[Reason, str]] = {
    Reason.CUSTOMER_REQUEST: "customer request/客户要求/客户申请/pedido del cliente/solicitud del cliente/"
    "pedido do cliente/solicitação do cliente/arrependimento",
    Reason.DUPLICATE_PAYMENT: "duplicate payment/重复付款/重复支付/pago duplicado/pagamento duplicado",
    Reason.FRAUD: "fraud/欺诈/fraude",
    Reason.NOT_DELIVERED: "not delivered/未收到货/未送达/no entregado/não entregue",
    Reason.DEFECTIVE: "defective/质量问题/商品瑕疵/defectuoso/defeituoso/com defeito",
    Reason.PRICE_ADJUSTMENT: "price adjustment/价格调整/差价/ajuste de precio/ajuste de preço",
    Reason.OTHER: "other/其他/otro/otros/outro/outros",
}
_YES: Final = frozenset(["yes", "y", "sim", "s", "sí", "si", "x", "1", "true", "是", "再退"])
_ALL: Final = frozenset(["all", "tudo", "total", "todo", "全部", "全额", "全额退款"])


def plain(said: str) -> str:
    """A heading or a word without what people write in several ways: accents, capitals, spaces, signs.

    What is longer than any stays as it is.
    """
    if len(said) > _WORD_MAX:
        return said
    told = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", said)).casefold()
    return "".join(letter for letter in told if letter.isalnum())


def known(kind: SheetKind) -> Mapping[str, str]:
    """The key of each heading that is known, by its plain name."""
    return {plain(name): one.key for one in COLUMNS[kind] for names in one.names.values() for name in names}


def of_result() -> frozenset[str]:
    """The plain names of what a result has more."""
    return frozenset(plain(name) for names in RESULT.values() for said in names.values() for name in said)


def ids(kind: SheetKind) -> frozenset[str]:
    """The keys of columns that name something."""
    return frozenset(one.key for one in COLUMNS[kind] if one.is_id)


def reason_of(said: str) -> Reason | None:
    """The reason that is meant, by its code or its word in one of the languages; None: none of ours."""
    return _BY_WORD.get(plain(said))


_BY_WORD: Final = {
    plain(word): reason for reason, said in _REASONS.items() for word in (reason.value, *said.split("/"))
}


_PLAIN_YES: Final = frozenset(map(plain, _YES))
_PLAIN_ALL: Final = frozenset(map(plain, _ALL))


def is_yes(said: str) -> bool:
    """Whether a cell says yes."""
    return plain(said) in _PLAIN_YES


def is_all(said: str) -> bool:
    """Whether an amount is all that is left."""
    return plain(said) in _PLAIN_ALL
