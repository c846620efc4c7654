"""Destinations through the public API, and the customer's page as a browser without JavaScript uses it."""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from api.customer.texts import LOCALES, TEXTS, amount_of, label
from api.http import masked
from domain.access.tokens import Role
from domain.models import Event, Payment, Refund, Store
from domain.models.refunds import State
from domain.money import Money
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds.by_hand import FILE_BYTES_MAX
from tests.api.conftest import Asker, Enter, global_id
from tests.kit.factories import a_payment, a_shop
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("no_way_back")
CPF = "390.533.447-05"
ACCOUNT = {"kind": "PIX_KEY", "pixKey": "ana@example.com", "holderName": "Ana Souza", "holderTaxId": CPF}
FORM = {"kind": "PIX_KEY", "pix_key": "ana@example.com", "holder_name": "Ana Souza", "holder_tax_id": CPF}
PDF = b64encode(b"%PDF-1.7" + bytes(FILE_BYTES_MAX - 8)).decode()  # the largest evidence
CREATE = """mutation M($input: RefundCreateInput!) { refundCreate(input: $input) { errors { ... on Error { code path } }
  refund { id status destination { masked fingerprint payerMatches } } } }"""
LINK = """mutation M($input: DestinationLinkCreateInput!) { destinationLinkCreate(input: $input) {
  url errors { ... on Error { code message } } } }"""
LOOK = "query Q($by: RefundBy!) { refund(by: $by) { destination { fingerprint } paymentInstruction { value } } }"


@pytest.fixture
def no_way_back() -> Iterator[None]:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


async def _ask_for(asker: Asker, **more: Any) -> Any:
    payment = await a_payment(asker.shop, tax_id=CPF)
    wanted = {"paymentId": global_id(payment), "reason": "CUSTOMER_REQUEST", "idempotencyKey": uuid4().hex}
    return await asker.ask(CREATE, input={**wanted, **more})


async def _do(asker: Asker, name: str, refund: str, **values: Any) -> Any:
    kind = f"{name[0].upper()}{name[1:]}Input!"
    told = "refund { status } errors { ... on Error { code path } }"
    query = f"mutation M($input: {kind}) {{ {name}(input: $input) {{ {told} }} }}"
    return await asker.ask(query, input={"refundId": refund, **values})


async def test_a_refund_takes_its_destination_along_and_shows_it_masked(enter: Enter) -> None:
    asker = await enter(shop=await a_shop(pse="lab"))
    refund = (await _ask_for(asker, destination=ACCOUNT))["refund"]
    assert (refund["status"], refund["destination"]["masked"]) == ("AWAITING_APPROVAL", "PIX_KEY a•••@example.com")
    wrong = await _ask_for(asker, destination={**ACCOUNT, "pixKey": "nobody"})
    assert wrong == {"refund": None, "errors": [{"code": "INVALID_INPUT", "path": ["input", "destination", "pixKey"]}]}


async def test_provided_later_approved_by_another_person_and_paid_by_hand(enter: Enter) -> None:
    shop = await a_shop(pse="lab")
    asker, boss = await enter(Role.FRONTEND, shop, "shop"), await enter(Role.ACCOUNTING, shop, "boss")
    refund = (await _ask_for(asker))["refund"]["id"]
    other = {**ACCOUNT, "holderTaxId": "111.444.777-35"}
    given = await _do(asker, "destinationProvide", refund, destination=other, idempotencyKey=uuid4().hex)
    assert given["refund"] == {"status": "AWAITING_APPROVAL"}
    seen = await boss.ask(LOOK, by={"id": refund})
    assert seen["paymentInstruction"] is None
    fingerprint = seen["destination"]["fingerprint"]
    done = {"refund": {"status": "REQUESTED"}, "errors": []}
    assert await _do(boss, "refundApprove", refund, destinationFingerprint=fingerprint) == done
    taken = await _do(boss, "refundTakeManual", refund, reason="The PSE is down.")
    assert taken["refund"] == {"status": "MANUAL"}
    assert {"value": "ana@example.com"} in (await boss.ask(LOOK, by={"id": refund}))["paymentInstruction"]
    evidence = {"way": "BANK_TRANSFER", "reference": "TED 1", "paidOn": "2026-01-02", "fileName": "a.pdf"}
    settled = await _do(boss, "refundSettleManually", refund, **evidence, fileContent=PDF)
    assert settled == {"refund": {"status": "SUCCEEDED"}, "errors": []}


async def test_a_no_and_a_return_to_the_queue(enter: Enter) -> None:
    shop = await a_shop(pse="lab")
    asker, boss = await enter(Role.FRONTEND, shop, "shop"), await enter(Role.ACCOUNTING, shop, "boss")
    refused = (await _ask_for(asker, destination={**ACCOUNT, "holderTaxId": "111.444.777-35"}))["refund"]["id"]
    assert (await _do(boss, "refundReject", refused, note="Not ours."))["refund"] == {"status": "REJECTED"}
    created = (await _ask_for(asker, destination=ACCOUNT))["refund"]
    taken, seen = created["id"], created["destination"]["fingerprint"]
    await _do(boss, "refundApprove", taken, destinationFingerprint=seen)
    await _do(boss, "refundTakeManual", taken, reason="The PSE is down.")
    back = await _do(boss, "refundReturnToQueue", taken, reason="The PSE is up again.")
    assert back["refund"] == {"status": "REQUESTED"}
    assert (await _do(asker, "refundTakeManual", taken, reason="I may not."))["errors"] == [
        {"code": "FORBIDDEN", "path": []}
    ]


# The page


async def _page(enter: Enter) -> tuple[Asker, str, str]:
    asker = await enter(shop=await a_shop(pse="lab"))
    refund = (await _ask_for(asker))["refund"]["id"]
    url = (await asker.ask(LINK, input={"refundId": refund}))["url"]
    assert url.startswith("https://refunds.example.com/refund-destination/")
    return asker, asker.url + urlsplit(url).path, refund


async def test_the_page_shows_the_amount_the_shop_and_the_order_and_nothing_else_of_the_refund(enter: Enter) -> None:
    asker, url, _ = await _page(enter)
    await Payment.all().update(order_reference="10482<b>")
    answer = await asker.http.get(url)
    row = await Refund.get()
    assert "R$\xa0100,00" in answer.text
    assert "(Sao Paulo)" in answer.text
    assert "Pedido 10482&lt;b&gt;" in answer.text
    assert "CPF ou CNPJ do titular" in answer.text
    assert "R$100.00" in (await asker.http.get(f"{url}?lang=en")).text
    for secret in (row.reference, str(row.id), str(row.payment_id), "39053344705", CPF):
        assert secret not in answer.text
    assert "<script" not in answer.text


async def test_the_page_says_whom_to_ask_and_what_becomes_of_what_is_typed_in(enter: Enter) -> None:
    asker, url, _ = await _page(enter)
    text = (await asker.http.get(url)).text
    assert TEXTS["privacy"]["pt-BR"] in text
    assert "Dúvidas?" not in text
    await Store.all().update(contact="Ana & Bia <ajuda@loja.example>", privacy_url="https://loja.example/p?a=1&b=2")
    text = (await asker.http.get(url)).text
    assert "Ana &amp; Bia &lt;ajuda@loja.example&gt;" in text
    assert '<a href="https://loja.example/p?a=1&amp;b=2" rel="noopener noreferrer">' in text


@pytest.mark.parametrize(
    ("currency", "locale", "words"),
    [
        ("BRL", "es", "CPF o CNPJ"),
        ("MXN", "es", "RFC usado"),
        ("COP", "es", "NIT o de la"),
        ("MXN", "zh-CN", "RFC"),
    ],
)
def test_the_payers_document_has_the_name_it_has_in_the_country(currency: str, locale: str, words: str) -> None:
    assert words in label("digits", locale, currency)
    assert label("send", locale, currency) == TEXTS["send"][locale]


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "written"),
    [
        (123_450, "BRL", "pt-BR", "R$\xa01.234,50"),
        (123_450, "MXN", "es", "$1,234.50"),
        (123_450, "COP", "es", "$1.234,50"),
        (123_450, "COP", "en", "COP\xa01,234.50"),
        (1_234, "CLP", "en", "CLP\xa01,234"),
        (123_450, "BRL", "zh-CN", "R$1,234.50"),
    ],
)
def test_an_amount_is_written_as_its_readers_write_it_and_to_the_last_minor_unit(
    amount: int, currency: str, locale: str, written: str
) -> None:
    assert amount_of(Money(amount, currency), locale) == written


async def test_the_page_is_not_cached_framed_or_told_to_others(enter: Enter) -> None:
    asker, url, _ = await _page(enter)
    headers = (await asker.http.get(url)).headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "locale"), [("pt-BR", "pt-BR"), ("es-MX,es", "es"), ("zh", "zh-CN"), ("fr", "pt-BR")]
)
async def test_the_page_speaks_the_browsers_language_else_the_currencys(enter: Enter, asked: str, locale: str) -> None:
    asker, url, _ = await _page(enter)
    answer = await asker.http.get(url, headers={"accept-language": asked})
    assert f'<html lang="{locale}">' in answer.text
    assert TEXTS["title"][locale] in answer.text
    assert TEXTS["send"]["en"] in (await asker.http.get(f"{url}?lang=en")).text


async def test_mail_scanners_use_nothing_up_and_the_form_works_once(enter: Enter) -> None:
    asker, url, _ = await _page(enter)
    for _ in range(3):
        assert (await asker.http.get(url)).status_code == 200
        assert (await asker.http.head(url)).status_code == 200
    fields = set(re.findall(r'name="(\w+)"', (await asker.http.get(url)).text))
    assert set(FORM) | {"digits"} <= fields
    sent = await asker.http.post(url, data={**FORM, "digits": "4705"})
    assert (sent.status_code, (await Refund.get()).state) == (200, State.REQUESTED)
    assert (await asker.http.post(url, data={**FORM, "digits": "4705"})).status_code == 410
    assert (await asker.http.get(url)).status_code == 410


async def test_two_forms_sent_at_once_count_once(enter: Enter) -> None:
    import asyncio

    asker, url, _ = await _page(enter)
    sent = await asyncio.gather(*(asker.http.post(url, data={**FORM, "digits": "4705"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in sent) == [200] + [410] * 7


async def test_wrong_digits_say_how_many_tries_are_left_and_then_close_the_page(enter: Enter) -> None:
    asker, url, _ = await _page(enter)
    answers = [await asker.http.post(url, data={**FORM, "digits": "1111"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 410]
    assert TEXTS["wrong"]["pt-BR"].format(left=4) in answers[0].text
    told = await Event.filter(kind="DESTINATION_LINK_WRONG_ANSWER").order_by("sequence")
    assert [one.detail["tries_left"] for one in told] == [4, 3, 2, 1, 0]
    assert "destinationProvide" in (told[-1].message or "")
    assert not any("1111" in f"{one.message}{one.detail}" for one in told)


async def test_a_wrong_field_is_named_and_what_was_typed_is_kept_and_escaped(enter: Enter) -> None:
    asker, url, _ = await _page(enter)
    typed = {**FORM, "pix_key": "nobody", "holder_name": '"><script>alert(1)</script>', "digits": "4705"}
    answer = await asker.http.post(f"{url}?lang=en", data=typed)
    assert answer.status_code == 422
    assert "Pix key" in answer.text
    assert "<script>" not in answer.text
    assert "4705" not in answer.text
    assert (await asker.http.post(url, data={"kind": "MX_CLABE"})).status_code == 422
    assert (await asker.http.post(url, content=b"\xff" * 10)).status_code == 422


@pytest.mark.parametrize("token", ["x", "a" * 43, "%00"])
async def test_a_link_that_never_was_looks_like_one_that_is_over(enter: Enter, token: str) -> None:
    asker = await enter()
    answer: httpx.Response = await asker.http.get(f"{asker.url}/refund-destination/{token}")
    assert answer.status_code in (404, 410)
    assert (await asker.http.post(f"{asker.url}/refund-destination/{token}", data=FORM)).status_code in (404, 410)


def test_what_a_log_shows_of_a_link_or_a_webhook_opens_nothing() -> None:
    assert masked("/refund-destination/secret") == "/refund-destination/[redacted]"
    assert masked("/webhooks/1/secret/pix") == "/webhooks/1/[redacted]"
    assert masked("/shops/1/secret") == "/shops/1/[redacted]"
    assert masked("/unsubscribe/box.en.FINDING.signed") == "/unsubscribe/[redacted]"
    assert masked("/graphql") == "/graphql"


def test_every_text_is_there_in_every_language() -> None:
    assert all(set(row) == set(LOCALES) and all(row.values()) for row in TEXTS.values())
