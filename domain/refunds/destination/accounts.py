"""Checking who is paid and where: each kind of destination has its fields and its check digits. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import clabe as clabe_numbers
from stdnum.br import cnpj, cpf
from stdnum.co import nit
from stdnum.mx import curp, rfc

from domain.payments import customers
from domain.problems import InvalidInput
from domain.pse.vocabulary import AccountDetails, DestinationKind
from domain.refunds.destination import banks

Kind = DestinationKind
_HOLDER: Final = ("holder_name", "holder_tax_id")
FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.PIX_KEY: ("pix_key", *_HOLDER),
    Kind.BR_BANK_ACCOUNT: ("bank_code", "branch", "account", "account_type", *_HOLDER),
    Kind.MX_CLABE: ("clabe", *_HOLDER),
    Kind.CO_BANK_ACCOUNT: ("bank_code", "account", "account_type", *_HOLDER),
    Kind.EMAIL: ("email",),
}
KINDS_OF_CURRENCY: Final[Mapping[str, tuple[Kind, ...]]] = {
    "BRL": (Kind.PIX_KEY, Kind.BR_BANK_ACCOUNT),
    "MXN": (Kind.MX_CLABE,),
    "COP": (Kind.CO_BANK_ACCOUNT,),
}
ACCOUNT_TYPES: Final = ("CHECKING", "SAVINGS", "PAYMENT")
_NAME: Final = (2, 100)
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{9,13}")
_RANDOM_KEY: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FORMS: Final[Mapping[tuple[Kind, str], tuple[re.Pattern[str], str]]] = {
    (Kind.BR_BANK_ACCOUNT, "bank_code"): (
        re.compile(r"[0-9]{3}|[0-9]{8}"),
        "the bank's three digits, or the eight of its ISPB",
    ),
    (Kind.BR_BANK_ACCOUNT, "branch"): (re.compile(r"[0-9]{1,5}(-?[0-9Xx])?"), "the branch (agência), such as 1234"),
    (Kind.BR_BANK_ACCOUNT, "account"): (re.compile(r"[0-9]{1,13}-?[0-9Xx]"), "the account with its check digit"),
    (Kind.CO_BANK_ACCOUNT, "bank_code"): (re.compile(r"[0-9]{2,4}"), "the bank's code of two to four digits"),
    (Kind.CO_BANK_ACCOUNT, "account"): (re.compile(r"[0-9]{6,20}"), "the account, 6 to 20 digits"),
}


def checked(kind: Kind, given: Mapping[str, str], currency: str, path: Sequence[str]) -> AccountDetails:
    """The destination with its values trimmed and in one spelling. Raises InvalidInput naming the field."""
    allowed = KINDS_OF_CURRENCY.get(currency, ())
    if kind not in allowed and kind is not Kind.EMAIL:
        known = ", ".join((*allowed, Kind.EMAIL))
        raise InvalidInput(f"A payment in {currency} can be paid back to {known}, not to {kind}.", path=[*path, "kind"])
    values = {name: given.get(name, "").strip() for name in FIELDS[kind]}
    for name, value in values.items():
        if not value:
            raise InvalidInput(f"{kind} needs {_camel(name)}.", path=[*path, _camel(name)])
        values[name] = _checked_field(kind, name, value, currency, [*path, _camel(name)])
    return AccountDetails(kind, values)


def _checked_field(kind: Kind, name: str, value: str, currency: str, path: list[str]) -> str:
    checks: Mapping[str, Callable[[str, str, list[str]], str]] = {
        "holder_name": _name,
        "holder_tax_id": _tax_id,
        "account_type": _account_type,
        "pix_key": _pix_key,
        "clabe": _clabe,
        "email": _email,
    }
    if name in checks:
        return checks[name](value, currency, path)
    form, wants = _FORMS[(kind, name)]
    if not form.fullmatch(value):
        raise InvalidInput(f"{path[-1]} takes {wants}.", path=path)
    return _of_a_bank(kind, value, currency, path) if name == "bank_code" else value.upper()


def _of_a_bank(kind: Kind, code: str, currency: str, path: list[str]) -> str:
    """The code as accounts are told with it."""
    known = banks.brazilian(code) if kind is Kind.BR_BANK_ACCOUNT else code if banks.is_colombian(code) else None
    if known is None:
        raise _no_bank(code, currency, path)
    return known


def _no_bank(code: str, currency: str, path: list[str]) -> InvalidInput:
    instead = ", or for a Pix key instead" if currency == "BRL" else ""
    return InvalidInput(
        f"{path[-1]}: no bank has the code {code} (list: {banks.list_of(currency)}). Have the customer look at it "
        f"again, and ask for the code of the bank where the account is{instead}.",
        path=path,
    )


def _name(value: str, currency: str, path: list[str]) -> str:
    low, high = _NAME
    if not (low <= len(value) <= high and value.isprintable()):
        raise InvalidInput(f"{path[-1]} takes the account holder's name, {low} to {high} characters.", path=path)
    return value


def _brazilian(tax_id: str) -> bool:
    return bool(cpf.is_valid(tax_id) or cnpj.is_valid(tax_id))


def _mexican(tax_id: str) -> bool:
    return bool(rfc.is_valid(tax_id, validate_check_digits=False) or curp.is_valid(tax_id))


def _colombian(tax_id: str) -> bool:
    return bool(nit.is_valid(tax_id) or re.fullmatch(r"[0-9]{6,10}", tax_id))


_TAX_IDS: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "BRL": ("a CPF or CNPJ", _brazilian),
    "MXN": ("an RFC or CURP", _mexican),
    "COP": ("a NIT or cédula", _colombian),
}


def _tax_id(value: str, currency: str, path: list[str]) -> str:
    normal = customers.normal_tax_id(value)
    wants, good = _TAX_IDS[currency]
    if not good(normal):
        raise InvalidInput(f"{path[-1]} takes {wants} with valid check digits.", path=path)
    return normal


def _account_type(value: str, currency: str, path: list[str]) -> str:
    if value not in ACCOUNT_TYPES:
        raise InvalidInput(f"{path[-1]} is one of {', '.join(ACCOUNT_TYPES)}.", path=path)
    return value


def _pix_key(value: str, currency: str, path: list[str]) -> str:
    """A CPF, CNPJ, e-mail, phone (+55...) or random key (Banco Central do Brasil, DICT API)."""
    digits = re.sub(r"[.\-/ ]", "", value)
    if digits.isdigit() and (cpf.is_valid(digits) or cnpj.is_valid(digits)):
        return digits
    phone = re.sub(r"[() \-]", "", value)
    if _PHONE.fullmatch(phone):
        return phone
    if _RANDOM_KEY.fullmatch(value.lower()) or (_EMAIL.fullmatch(value) and len(value) <= 77):
        return value.lower()
    raise InvalidInput(f"{path[-1]} takes a CPF, CNPJ, e-mail, phone as +5511... or random key.", path=path)


def _clabe(value: str, currency: str, path: list[str]) -> str:
    digits = re.sub(r"[ \-]", "", value)
    if re.fullmatch(r"[0-9]{18}", digits) and not banks.is_mexican(digits):
        raise _no_bank(digits[:3], currency, path)
    if not clabe_numbers.validate_clabe(digits):
        raise InvalidInput(f"{path[-1]} takes the 18 digits of a CLABE; a digit is wrong.", path=path)
    return digits


def _email(value: str, currency: str, path: list[str]) -> str:
    if not _EMAIL.fullmatch(value) or len(value) > 254:
        raise InvalidInput(f"{path[-1]} takes an e-mail address.", path=path)
    return value


def masked(destination: AccountDetails) -> str:
    """What may be shown: enough to recognise it, too little to use it, such as `MX_CLABE ••••1234`."""
    values = destination.values
    shown = values.get("pix_key") or values.get("clabe") or values.get("account") or values.get("email", "")
    if "@" in shown:
        name, _, host = shown.partition("@")
        return f"{destination.kind} {name[:1]}•••@{host}"
    return f"{destination.kind} ••••{shown[-4:]}"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
