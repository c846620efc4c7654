"""What is known of a Mercado Pago account when its report does not say it: its currency, and how refunds are named.

It travels as parameters of the report's content type, because a report is read again long after it was fetched.
"""

from collections.abc import Mapping

from domain.money import EXPONENTS
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Period


def content_type(currency: object, *, detailed: bool) -> str:
    """CSV, with the account's currency if it is one we know, and whether refund rows name the refund itself."""
    known = f"; currency={currency}" if isinstance(currency, str) and currency in EXPONENTS else ""
    return f"text/csv{known}{'; refunds=detailed' if detailed else ''}"


def currency_of(file: ReportFile, period: Period) -> str | None:
    """The account's currency, for it has but one: as Mercado Pago told it with the file, else that of its payments.

    None where neither says it: a merchant's own country is no witness, for its account may be of another.
    """
    told = _parameters(file).get("currency")
    return told if told in EXPONENTS else period.currency


def is_detailed(file: ReportFile) -> bool:
    """Whether EXTERNAL_REFERENCE of a refund's row is the refund's own, and not its payment's."""
    return _parameters(file).get("refunds") == "detailed"


def _parameters(file: ReportFile) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in file.content_type.split(";")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
