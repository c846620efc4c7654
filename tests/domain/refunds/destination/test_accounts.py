"""What names an account is checked by its kind: a wrong digit is found before any money leaves."""

import pytest

from domain.payments.customers import normal_tax_id
from domain.problems import InvalidInput
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds.destination.accounts import KINDS_OF_CURRENCY, checked, masked

CPF = "390.533.447-05"
HOLDER = {"holder_name": "Ana Souza", "holder_tax_id": CPF}
MEXICAN = {"holder_name": "Ana Gómez", "holder_tax_id": "GODE561231GR8"}
COLOMBIAN = {"holder_name": "Ana Pérez", "holder_tax_id": "213.123.432-1"}
ACCOUNT = {"bank_code": "341", "branch": "1234", "account": "12345-6", "account_type": "CHECKING"}


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (CPF, "39053344705"),
        ("11.222.333/0001-81", "11222333000181"),
        ("Ana@Example.com", "ana@example.com"),
        ("+55 (11) 98765-4321", "+5511987654321"),
        ("123E4567-E89B-12D3-A456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    ],
)
def test_a_pix_key_of_each_kind_is_kept_in_one_spelling(key: str, kept: str) -> None:
    found = checked(Kind.PIX_KEY, {"pix_key": key, **HOLDER}, "BRL", ["input"])
    assert (found.values["pix_key"], found.values["holder_tax_id"]) == (kept, "39053344705")


@pytest.mark.parametrize("key", ["390.533.447-06", "ana", "11987654321", "@b.c", "+0551198", "", "a" * 80 + "@b.co"])
def test_what_is_no_pix_key_is_refused_with_its_field(key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(Kind.PIX_KEY, {"pix_key": key, **HOLDER}, "BRL", ["input"])
    assert refused.value.path == ["input", "pixKey"]


@pytest.mark.parametrize(
    ("kind", "values", "currency"),
    [
        (Kind.BR_BANK_ACCOUNT, {**ACCOUNT, **HOLDER}, "BRL"),
        (Kind.MX_CLABE, {"clabe": "002 010 07777777777 1", **MEXICAN}, "MXN"),
        (Kind.CO_BANK_ACCOUNT, {**ACCOUNT, "bank_code": "1007", "account": "123456789", **COLOMBIAN}, "COP"),
        (Kind.CO_BANK_ACCOUNT, {**ACCOUNT, "account": "123456789", **COLOMBIAN, "holder_tax_id": "52345678"}, "COP"),
        (Kind.EMAIL, {"email": "ana@example.com"}, "MXN"),
    ],
)  # fmt: skip
def test_accounts_of_each_country_are_taken(kind: Kind, values: dict[str, str], currency: str) -> None:
    assert checked(kind, values, currency, []).kind is kind


@pytest.mark.parametrize(
    ("kind", "currency", "values", "field"),
    [
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "bank_code": "34"}, "bankCode"),
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "branch": "12-34"}, "branch"),
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "account": "abc"}, "account"),
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "account_type": "GOLD"}, "accountType"),
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "holder_tax_id": "390.533.447-06"}, "holderTaxId"),
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "holder_name": "A"}, "holderName"),
        (Kind.MX_CLABE, "MXN", {"clabe": "002010077777777772", **MEXICAN}, "clabe"),
        (Kind.MX_CLABE, "MXN", {"clabe": "002010077777777771", **MEXICAN, "holder_tax_id": "X"}, "holderTaxId"),
        (Kind.CO_BANK_ACCOUNT, "COP", {**ACCOUNT, "account": "12", **COLOMBIAN}, "account"),
        (Kind.MX_CLABE, "BRL", {"clabe": "002010077777777771", **MEXICAN}, "kind"),
        (Kind.EMAIL, "BRL", {"email": "nobody"}, "email"),
    ],
)
def test_a_wrong_field_is_named(kind: Kind, currency: str, values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(kind, values, currency, ["input"])
    assert refused.value.path == ["input", field]


def test_what_is_shown_cannot_be_used() -> None:
    pix = checked(Kind.PIX_KEY, {"pix_key": "ana@example.com", **HOLDER}, "BRL", [])
    clabe = checked(Kind.MX_CLABE, {"clabe": "002010077777777771", **MEXICAN}, "MXN", [])
    assert (masked(pix), masked(clabe)) == ("PIX_KEY a•••@example.com", "MX_CLABE ••••7771")
    assert "002010" not in repr(clabe)


def test_two_spellings_of_a_tax_id_are_one() -> None:
    assert normal_tax_id("390.533.447-05") == normal_tax_id(" 39053344705 ")
    assert set(KINDS_OF_CURRENCY) == {"BRL", "MXN", "COP"}
