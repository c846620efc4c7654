"""The words of the customer's page, in the languages of those who pay here."""

from collections.abc import Mapping
from typing import Final

from api.amounts import shown
from domain.money import Money

LOCALES: Final[Mapping[str, str]] = {"pt-BR": "Português", "es": "Español", "en": "English", "zh-CN": "中文"}
COUNTRY_OF_CURRENCY: Final[Mapping[str, str]] = {"BRL": "BR", "MXN": "MX", "COP": "CO"}
_PLACES: Final[Mapping[str, str]] = {"pt-BR": "pt_BR", "es": "es_419", "en": "en", "zh-CN": "zh_CN"}
OF_CURRENCY: Final[Mapping[str, str]] = {"BRL": "pt-BR", "MXN": "es", "COP": "es"}

# Each row: Portuguese, Spanish, English, Chinese.
_ROWS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "title": ("Seu reembolso", "Su reembolso", "Your refund", "您的退款"),
    "intro": (
        "{shop} quer devolver {amount} a você. Informe a conta que deve receber o dinheiro.",
        "{shop} quiere devolverle {amount}. Indique la cuenta que debe recibir el dinero.",
        "{shop} wants to pay {amount} back to you. Name the account that is to receive the money.",
        "{shop} 将向您退款 {amount}。请填写收款账户。",
    ),
    "order": ("Pedido {order}", "Pedido {order}", "Order {order}", "订单 {order}"),
    "contact": (
        "Dúvidas? Fale com {shop}: {contact}",
        "¿Dudas? Hable con {shop}: {contact}",
        "Questions? Talk to {shop}: {contact}",
        "如有疑问，请联系 {shop}：{contact}",
    ),
    "privacy": (
        "Usamos o que você informar aqui só para pagar este reembolso. Guardamos os dados cifrados e os passamos "
        "apenas à instituição que paga. Ninguém pedirá sua senha nem um código recebido por SMS.",
        "Usamos lo que indique aquí solo para pagar este reembolso. Guardamos los datos cifrados y los pasamos "
        "únicamente a la institución que paga. Nadie le pedirá su contraseña ni un código recibido por SMS.",
        "What you enter here is used only to pay this refund. It is kept encrypted and given only to the institution "
        "that pays. Nobody will ask you for a password or for a code sent by SMS.",
        "您在此填写的信息仅用于支付本次退款，会加密保存，并只提供给付款机构。任何人都不会向您索要密码或短信验证码。",
    ),
    "privacy_link": (
        "Aviso de privacidade da loja",
        "Aviso de privacidad de la tienda",
        "The shop's privacy notice",
        "商家的隐私声明",
    ),
    # The payer's document has another name in each country.
    "digits_BR": (
        "Últimos 4 dígitos do CPF ou CNPJ usado na compra",
        "Últimos 4 dígitos del CPF o CNPJ (documento fiscal de Brasil) usado en la compra",
        "Last 4 digits of the CPF or CNPJ (Brazil's tax ID) used for the purchase",
        "购买时所用 CPF 或 CNPJ（巴西税号）的后 4 位",
    ),
    "digits_MX": (
        "Últimos 4 caracteres do RFC (documento fiscal do México) usado na compra",
        "Últimos 4 caracteres del RFC usado en la compra",
        "Last 4 characters of the RFC (Mexico's tax ID) used for the purchase",
        "购买时所用 RFC（墨西哥税号）的后 4 位",
    ),
    "digits_CO": (
        "Últimos 4 dígitos do NIT ou da cédula (Colômbia) usados na compra",
        "Últimos 4 dígitos del NIT o de la cédula usados en la compra",
        "Last 4 digits of the NIT or cédula (Colombia's tax and identity numbers) used for the purchase",
        "购买时所用 NIT 或身份证（cédula，哥伦比亚）的后 4 位",
    ),
    "send": ("Enviar", "Enviar", "Send", "提交"),
    "done": (
        "Recebemos a conta. Você não precisa fazer mais nada.",
        "Recibimos la cuenta. No necesita hacer nada más.",
        "We have the account. You need not do anything else.",
        "账户信息已收到，您无需再进行任何操作。",
    ),
    "closed": (
        "Este link não funciona mais. "
        "Se já informou a conta, não precisa fazer mais nada; se não, peça um novo à loja.",
        "Este enlace ya no funciona. "
        "Si ya indicó la cuenta, no necesita hacer nada más; si no, pida uno nuevo a la tienda.",
        "This link does not work any more. "
        "If you have named the account already, you need not do anything else; if not, ask the shop for a new one.",
        "该链接已失效。如果您已填写收款账户，则无需再进行任何操作；否则请向商家索取新链接。",
    ),
    "often": (
        "Muitas tentativas. Tente de novo em {seconds} segundos.",
        "Demasiados intentos. Intente de nuevo en {seconds} segundos.",
        "Too many attempts. Please try again in {seconds} seconds.",
        "操作过于频繁，请在 {seconds} 秒后重试。",
    ),
    "away": (
        "Não conseguimos atender agora. Tente de novo em instantes.",
        "No podemos atenderle en este momento. Intente de nuevo en unos instantes.",
        "We cannot serve this page just now. Please try again in a moment.",
        "暂时无法提供服务，请稍后重试。",
    ),
    "failed": (
        "Algo deu errado. Abra o link de novo; se o erro continuar, fale com a loja.",
        "Algo salió mal. Abra el enlace de nuevo; si el error continúa, hable con la tienda.",
        "Something went wrong. Open the link again; if it fails once more, talk to the shop.",
        "出现错误。请重新打开链接；如仍然失败，请联系商家。",
    ),
    "wrong": (
        "Os dígitos não conferem. Tentativas restantes: {left}.",
        "Los caracteres no coinciden. Intentos restantes: {left}.",
        "The characters do not match. Tries left: {left}.",
        "所填内容不符，剩余次数：{left}。",
    ),
    "check": (
        "Verifique o campo: {field}.",
        "Revise el campo: {field}.",
        "Please check the field: {field}.",
        "请检查此项：{field}。",
    ),
    "PIX_KEY": ("Chave Pix", "Clave Pix", "Pix key", "Pix 密钥"),
    "BR_BANK_ACCOUNT": ("Conta bancária", "Cuenta bancaria (Brasil)", "Bank account (Brazil)", "银行账户（巴西）"),
    "MX_CLABE": ("CLABE (México)", "CLABE", "CLABE (Mexico)", "CLABE（墨西哥）"),
    "CO_BANK_ACCOUNT": (
        "Conta bancária (Colômbia)",
        "Cuenta bancaria",
        "Bank account (Colombia)",
        "银行账户（哥伦比亚）",
    ),
    "pix_key": (
        "Chave Pix (CPF, CNPJ, e-mail, +55… ou aleatória)",
        "Clave Pix (CPF, CNPJ, correo, +55… o aleatoria)",
        "Pix key (CPF, CNPJ, e-mail, +55… or random)",
        "Pix 密钥（CPF、CNPJ、邮箱、+55… 或随机密钥）",
    ),
    "clabe": ("CLABE (18 dígitos)", "CLABE (18 dígitos)", "CLABE (18 digits)", "CLABE（18 位）"),
    "bank_code": ("Código do banco", "Código del banco", "Bank code", "银行代码"),
    "branch": ("Agência", "Sucursal", "Branch", "支行"),
    "account": ("Conta com dígito", "Número de cuenta", "Account number", "账号"),
    "account_type": ("Tipo de conta", "Tipo de cuenta", "Kind of account", "账户类型"),
    "CHECKING": ("Corrente", "Corriente", "Checking", "活期账户"),
    "SAVINGS": ("Poupança", "Ahorros", "Savings", "储蓄账户"),
    "PAYMENT": ("Pagamento", "De pago", "Payment", "支付账户"),
    "holder_name": ("Nome do titular", "Nombre del titular", "Name of the account holder", "户名"),
    "holder_tax_id_BR": (
        "CPF ou CNPJ do titular",
        "CPF o CNPJ (documento fiscal de Brasil) del titular",
        "CPF or CNPJ (Brazil's tax ID) of the account holder",
        "户主的 CPF 或 CNPJ（巴西税号）",
    ),
    "holder_tax_id_MX": (
        "RFC (documento fiscal do México) do titular",
        "RFC del titular",
        "RFC (Mexico's tax ID) of the account holder",
        "户主的 RFC（墨西哥税号）",
    ),
    "holder_tax_id_CO": (
        "NIT ou cédula (Colômbia) do titular",
        "NIT o cédula del titular",
        "NIT or cédula (Colombia's tax and identity numbers) of the account holder",
        "户主的 NIT 或身份证号（cédula，哥伦比亚）",
    ),
}
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    name: dict(zip(LOCALES, row, strict=True)) for name, row in _ROWS.items()
}


def label(field: str, locale: str, currency: str) -> str:
    """What a field of the form is called where this currency is paid. The caller escapes it."""
    of_country = f"{field}_{COUNTRY_OF_CURRENCY.get(currency, '')}"
    return text(of_country if of_country in TEXTS else field, locale)


def amount_of(amount: Money, locale: str) -> str:
    """An amount as those write it who read this language where the money is paid: R$ 1.234,50; in Mexico $1,234.50."""
    place = COUNTRY_OF_CURRENCY.get(amount.currency, "419")
    return shown(amount, f"es_{place}" if locale == "es" and place != "BR" else _PLACES[locale])


def text(name: str, locale: str, **values: str) -> str:
    """One text in one language, filled in. The caller escapes it."""
    return TEXTS[name][locale].format(**values)
