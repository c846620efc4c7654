"""What no log may keep of a person is hidden by the name of its field, whichever PSE says it, however it is written."""

import json

import pytest

from domain.pse import registry
from tests.kit.work import LINEAR_MAX, growth

# Fields that say who somebody is, as these PSEs or the next one may call them.
PERSONAL = [
    "name", "firstName", "last_name", "lastname", "LASTNAME", "holder_name", "holderName", "card_holder_name",
    "long_name", "account_holder_name", "cardHolderName", "email", "e-mail", "shopperEmail", "phone",
    "phone_number", "telephoneNumber", "birth_date", "dateOfBirth", "ip", "ip_address", "shopperIP", "document",
    "document_number", "tax_id", "taxId", "cpf", "cnpj", "curp", "rfc", "socialSecurityNumber", "iban", "clabe",
    "bank_account", "account_number", "account_id", "street", "street_name", "address", "postal_code", "zip_code",
    "zipcode",
]  # fmt: skip
# Where the PSE of that name has them, by its documents.
_OF = {
    "mercadopago": """{"id": 17014025134, "amount": 58.80, "additional_info": {"ip_address": "200.1.2.3-canary"},
        "point_of_interaction": {"transaction_data": {"bank_info": {"payer": {"long_name": "canary",
        "account_holder_name": "canary", "account_id": 4140404, "external_account_id": 4140404,
        "identification": {"number": 4140404}}}}}}""",
    "dlocal": """{"amount": 58.80, "card": {"holder_name": "canary", "last4": "4140404"}, "payer": {"ip": "canary",
        "user_reference": "canary", "address": {"street": "canary", "number": "4140404", "city": "canary"}},
        "beneficiary": {"name": "canary", "lastname": "canary", "document": 4140404}}""",
    "stripe": """{"amount": 5880, "customer_details": {"name": "canary", "individual_name": "canary",
        "tax_ids": [{"type": "br_cpf", "value": "canary"}, ["canary", 4140404]]}}""",
    "adyen": """{"amount": {"value": 5880}, "billingAddress": {"city": "canary", "houseNumberOrName": "4140404"},
        "additionalData": {"bankAccount.ownerName": "canary", "name": "canary"}}""",
    "ebanx": """{"amount_ext": "58.80", "customer": {"responsible": {"name": "canary"}, "ip": "canary"}}""",
    "conekta": """{"amount": 5880, "customer_info": {"first_name": "canary", "birth_date": "canary"}}""",
    "pix": """{"valor": "58.80", "pagador": {"nome": "canary", "conta": "4140404", "agencia": "4140404"},
        "devedor": {"email": "canary", "logradouro": "canary", "cidade": "canary", "cep": "4140404"}}""",
}
EACH = pytest.mark.parametrize("pse", sorted(registry.connectors()))


def _escaped(name: str) -> str:
    """The name with a letter written as JSON may write it."""
    return name[:1] + f"\\u{ord(name[1]):04x}" + name[2:]


@EACH
def test_a_field_that_says_who_somebody_is_is_hidden_however_it_is_written(pse: str) -> None:
    scrub = registry.connector(pse).scrub
    values = ('"canary \\" canary"', "4140404", '["canary", 4140404]', '{"value": {"of": "canary"}}', "4.14e4")
    for name in PERSONAL:
        for written in (name, _escaped(name), name.upper(), f"payer.{name}"):
            for value in values:
                for text in (f'{{"{written}" : {value}, "kept": 12.30}}', f'{{"x": [{{"{written}"\n:\n{value}'):
                    said = scrub(text)
                    assert not [one for one in ("canary", "4140404", "4.14") if one in said], (text, said)
                    assert ('"kept": 12.30' in said) is ("kept" in text), said


@EACH
def test_what_a_pse_says_of_its_customer_is_hidden_and_its_money_is_kept_as_it_was_written(pse: str) -> None:
    text = _OF[pse]
    said = registry.connector(pse).scrub(text)
    assert "canary" not in said
    assert "4140404" not in said
    kept = [one for one in ("58.80", "5880", "17014025134") if one in text]
    assert kept
    assert all(one in said for one in kept)
    json.loads(said)


@EACH
def test_a_body_that_was_cut_or_is_no_json_is_scrubbed_and_one_that_has_nothing_personal_is_left_alone(
    pse: str,
) -> None:
    scrub = registry.connector(pse).scrub
    assert "canary" not in scrub('{"em\\u0061il": "canary')
    assert "canary" not in scrub('<p>a 5" tube</p> {"email": "canary@x.y"}')
    assert "4140404" not in scrub('}]],{"email": [{"a": {"b": 4140404}}, 4140404')
    plain = '[{"id": "x\\u0061y", "amount": -12.300E+2, "of": null, "more": [true, 0.10]},\n {"e": ""}] \\'
    assert scrub(plain) == plain


@EACH
def test_scrubbing_takes_time_in_proportion_to_the_text(pse: str) -> None:
    scrub = registry.connector(pse).scrub

    for begin, turn in (("", '{"name":['), ('"', '\\"'), ("", '"a":"'), ('{"name":{', '{"a":1,'), ("", '"name\\')):

        def run(size: int, begin: str = begin, turn: str = turn) -> None:
            scrub(begin + turn * (size // len(turn)))

        assert growth(run, 1_500) <= LINEAR_MAX, (begin, turn)
