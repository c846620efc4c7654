"""What is known of a Mercado Pago account when its report does not say it: its currency, and how refunds are named.

It travels as parameters of the report's content type, because a report is read again long after it was fetched.
"""

from collections.abc import Mapping
from typing import Final

from domain.money import EXPONENTS
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Period

# An account is of one of Mercado Pago's countries and has that country's currency alone.
_ZONES: Final[Mapping[str, str]] = {
    "ARS": "Buenos_Aires Catamarca Cordoba Jujuy La_Rioja Mendoza Rio_Gallegos Salta San_Juan San_Luis Tucuman Ushuaia",
    "BRL": "Araguaina Bahia Belem Boa_Vista Campo_Grande Cuiaba Eirunepe Fortaleza Maceio Manaus Noronha Porto_Velho "
    "Recife Rio_Branco Santarem Sao_Paulo",
    "CLP": "Santiago Punta_Arenas Coyhaique Easter",
    "COP": "Bogota",
    "MXN": "Bahia_Banderas Cancun Chihuahua Ciudad_Juarez Hermosillo Matamoros Mazatlan Merida Mexico_City Monterrey "
    "Ojinaga Tijuana",
    "PEN": "Lima",
    "UYU": "Montevideo",
}
_CURRENCIES: Final = {zone: currency for currency, zones in _ZONES.items() for zone in zones.split()}


def content_type(currency: object, *, detailed: bool) -> str:
    """CSV, with the account's currency if it is one we know, and whether refund rows name the refund itself."""
    known = f"; currency={currency}" if isinstance(currency, str) and currency in EXPONENTS else ""
    return f"text/csv{known}{'; refunds=detailed' if detailed else ''}"


def currency_of(file: ReportFile, period: Period) -> str | None:
    """The account's currency: as Mercado Pago told it with the file, else that of the merchant's own country."""
    told = _parameters(file).get("currency")
    return told if told in EXPONENTS else _CURRENCIES.get(period.zone.rpartition("/")[2])


def is_detailed(file: ReportFile) -> bool:
    """Whether EXTERNAL_REFERENCE of a refund's row is the refund's own, and not its payment's."""
    return _parameters(file).get("refunds") == "detailed"


def _parameters(file: ReportFile) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in file.content_type.split(";")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
