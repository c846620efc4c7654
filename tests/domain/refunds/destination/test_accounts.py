"""What names an account is checked by its kind: a wrong digit is found before any money leaves."""

import pytest

from domain.payments.customers import is_generic, normal_tax_id
from domain.problems import InvalidInput
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds.destination.accounts import KINDS_OF_CURRENCY, checked, masked

CPF = "390.533.447-05"
HOLDER = {"holder_name": "Ana Souza", "holder_tax_id": CPF}
MEXICAN = {"holder_name": "Ana Gómez", "holder_tax_id": "GODE561231GR8"}
COLOMBIAN = {"holder_name": "Ana Pérez", "holder_tax_id": "213.123.432-1"}
CEDULA = {**COLOMBIAN, "holder_tax_id": "52345678"}
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
        (Kind.CO_BANK_ACCOUNT, {**ACCOUNT, "bank_code": "07", "account": "123456789", **COLOMBIAN}, "COP"),
        (Kind.CO_BANK_ACCOUNT, {**ACCOUNT, "bank_code": "007", "account": "123456789", **CEDULA}, "COP"),
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
        (Kind.CO_BANK_ACCOUNT, "COP", {**ACCOUNT, "bank_code": "007", "account": "12", **COLOMBIAN}, "account"),
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


@pytest.mark.parametrize(
    ("kind", "currency", "values", "field", "said"),
    [
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "bank_code": "999"}, "bankCode", "code 999.*Pix key"),
        (Kind.BR_BANK_ACCOUNT, "BRL", {**ACCOUNT, **HOLDER, "bank_code": "99999999"}, "bankCode", "code 99999999"),
        (Kind.CO_BANK_ACCOUNT, "COP", {**ACCOUNT, "account": "123456", **COLOMBIAN}, "bankCode", "code 341.*ACH"),
        (Kind.MX_CLABE, "MXN", {"clabe": "999010077777777771", **MEXICAN}, "clabe", "code 999.*SPEI"),
    ],
)
def test_a_code_that_no_bank_has_is_refused_with_what_to_do(
    kind: Kind, currency: str, values: dict[str, str], field: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        checked(kind, values, currency, ["input"])
    assert refused.value.path == ["input", field]
    assert "Have the customer look at it again" in refused.value.message


def test_a_brazilian_bank_may_be_named_by_its_ispb_and_is_told_by_its_code() -> None:
    itau = checked(Kind.BR_BANK_ACCOUNT, {**ACCOUNT, **HOLDER, "bank_code": "60701190"}, "BRL", [])
    assert itau.values["bank_code"] == "341"


@pytest.mark.parametrize(
    "tax_id",
    ["XAXX010101000", "xexx-010101-000", "XEXX010101HNEXXXA4", "111.111.111-11", "000.000.000-00", "00.000.000/0000-00",
     "99.999.999/9999-99", "222222222222", "222.222.222-7", "9999999999999"],
)  # fmt: skip
def test_a_generic_tax_id_names_nobody(tax_id: str) -> None:
    assert is_generic(tax_id)


@pytest.mark.parametrize(
    "tax_id", [CPF, "11.222.333/0001-81", "GODE561231GR8", "213.123.432-1", "52345678", "1111", ""]
)
def test_anybodys_own_tax_id_is_not_generic(tax_id: str) -> None:
    assert not is_generic(tax_id)
