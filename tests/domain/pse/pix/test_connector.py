"""The Pix connector without a network: what it sends, and what each answer means."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.pse.vocabulary import (
    Accepted,
    BadNotice,
    BadSignature,
    Credentials,
    Declined,
    InDoubt,
    NotUnderstood,
    Outcome,
    Returned,
    Succeeded,
    TellsOfRefund,
    Unsent,
    WebhookRequest,
)
from tests.domain.pse.fuzz import JSON, check_reading
from tests.domain.pse.pix.answers import E2E, NOON, ORDER, PIX, answer, pix, refund
from tests.schemas import pix as schemas

ERROR = "https://pix.bcb.gov.br/api/v2/error/"


def _problem(status: int, name: str) -> httpx.Response:
    return answer(status, {"type": ERROR + name, "title": "t", "status": status, "detail": "d"})


def test_the_request_is_what_the_spec_says() -> None:
    request = PIX.refund(replace(ORDER, description="x" * 200))
    assert request.method == "PUT"
    assert str(request.url) == f"https://pix.example.com/v2/pix/{E2E}/devolucao/{ORDER.reference}"
    body = json.loads(request.content)
    schemas.check(schemas.REFUND_REQUEST, body)
    assert body["valor"] == "7.89"


@given(st.integers(1, 10**12 - 1))
def test_every_amount_is_sent_with_exactly_two_decimals(minor_units: int) -> None:
    body = json.loads(PIX.refund(replace(ORDER, amount=Money(minor_units, "BRL"))).content)
    schemas.check(schemas.REFUND_REQUEST, body)
    assert Money.parse(body["valor"], "BRL").minor_units == minor_units


def test_the_three_states_of_a_refund_are_read() -> None:
    settled = datetime(2026, 11, 23, 12, 0, 1, 500_000, tzinfo=UTC)
    reference = "D12345678202611231200abcdefghijk"
    assert PIX.read_refund(ORDER, answer(201, refund("EM_PROCESSAMENTO"))) == Accepted(reference, "EM_PROCESSAMENTO")
    assert PIX.read_refund(ORDER, answer(201, refund())) == Succeeded(reference, settled, "DEVOLVIDO")
    refused = PIX.read_refund(ORDER, answer(201, refund("NAO_REALIZADO", motivo="Saldo insuficiente")))
    assert refused == Declined("NAO_REALIZADO", "Saldo insuficiente", reference)


def test_refused_after_success_means_that_the_money_came_back() -> None:
    outcome = PIX.read_look_up(replace(ORDER, succeeded=True), answer(200, refund("NAO_REALIZADO")))
    assert isinstance(outcome, Returned)


@pytest.mark.parametrize(
    ("attempt", "answer", "meaning"),
    [
        (1, _problem(400, "PixDevolucaoInvalida"), InDoubt),
        (2, _problem(400, "PixDevolucaoInvalida"), InDoubt),
        (1, _problem(400, "RequisicaoInvalida"), Declined),
        (2, _problem(400, "RequisicaoInvalida"), InDoubt),
        (1, _problem(404, "PixNaoEncontrado"), Declined),
        (1, _problem(410, "PermanentementeRemovido"), Declined),
        (2, _problem(410, "PermanentementeRemovido"), InDoubt),
        (1, _problem(403, "AcessoNegado"), Unsent),
        (1, answer(401), Unsent),
        (1, answer(429), Unsent),
        (1, _problem(500, "ErroInternoDoServidor"), InDoubt),
        (1, _problem(503, "ServicoIndisponivel"), InDoubt),
        (1, _problem(504, "IndisponibilidadePorTempoEsgotado"), InDoubt),
        (1, answer(201, []), InDoubt),
        (1, answer(201, {}), InDoubt),
        (1, httpx.Response(201, text="<html>"), InDoubt),
        (1, httpx.Response(201), InDoubt),
        (1, answer(201, refund("OUTRO")), InDoubt),
        (1, httpx.Response(302, headers={"location": "/x"}), InDoubt),
    ],
)
def test_what_an_answer_means(attempt: int, answer: httpx.Response, meaning: type[Outcome]) -> None:
    assert type(PIX.read_refund(replace(ORDER, attempt=attempt), answer)) is meaning


def test_an_ambiguous_refusal_asks_for_a_look_up() -> None:
    outcome = PIX.read_refund(ORDER, _problem(400, "PixDevolucaoInvalida"))
    assert isinstance(outcome, InDoubt)
    assert outcome.refusal


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (_problem(404, "PixDevolucaoNaoEncontrada"), Unsent),
        (_problem(404, "PixNaoEncontrado"), InDoubt),
        (answer(404), InDoubt),
        (_problem(403, "AcessoNegado"), InDoubt),
        (answer(429), InDoubt),
        (_problem(500, "ErroInternoDoServidor"), InDoubt),
        (httpx.Response(200), InDoubt),
    ],
)
def test_a_look_up_says_unknown_only_in_the_specs_own_words(answer: httpx.Response, meaning: type[Outcome]) -> None:
    assert type(PIX.read_look_up(ORDER, answer)) is meaning


@pytest.mark.parametrize("wrong", [{"valor": "7.90"}, {"id": "another"}, {"valor": None}, {"valor": "1e1"}])
def test_another_refund_under_our_reference_is_a_persons_to_sort_out(wrong: dict[str, Any]) -> None:
    for read in (PIX.read_refund, PIX.read_look_up):
        outcome = read(ORDER, answer(200, refund(**wrong)))
        assert isinstance(outcome, InDoubt)
        assert outcome.needs_person


_keys = st.sampled_from(["id", "rtrId", "valor", "status", "horario", "type", "motivo", "violacoes", "detail", "title"])


@given(
    st.integers(100, 599),
    st.binary(max_size=60)
    | JSON.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(_keys, JSON).map(lambda v: json.dumps(v).encode()),
    st.integers(1, 3),
    st.booleans(),
)
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    check_reading(PIX, ORDER, status, body, attempt=attempt, succeeded=succeeded)


@given(st.integers(500, 599), st.binary(max_size=30))
def test_a_server_error_is_always_doubt(status: int, body: bytes) -> None:
    assert isinstance(PIX.read_refund(ORDER, httpx.Response(status, content=body)), InDoubt)


# Webhooks

CREDENTIALS = Credentials("https://x", "id", {"client_secret": "c", "webhook_secret": "s3cret-of-the-path"})


def hook(path: str, body: bytes = b'{"pix": []}') -> WebhookRequest:
    return WebhookRequest("POST", path, "", {}, body)


@pytest.mark.parametrize("path", ["/webhooks/1/s3cret-of-the-path/pix", "/webhooks/1/s3cret-of-the-path"])
def test_a_webhook_with_the_secret_in_its_path_is_read(path: str) -> None:
    body = json.dumps({"pix": [{**pix(0), "devolucoes": [refund(), refund(id="b", natureza="MED_FRAUDE")]}, pix(1)]})
    request = hook(path, body.encode())
    PIX.verify_webhook(CREDENTIALS, request, NOON)
    told = [notice for notice in PIX.read_webhook(request) if isinstance(notice, TellsOfRefund)]
    assert [(notice.reference, notice.by_bank, notice.outcome) for notice in told] == [
        (ORDER.reference, False, None),
        ("b", True, None),
    ]


@pytest.mark.parametrize("path", ["/webhooks/1/wrong/pix", "/pix", "/", "", "/webhooks/1/s3cret-of-the-path/pix/pix"])
def test_a_webhook_without_the_secret_is_nobodys(path: str) -> None:
    with pytest.raises(BadSignature):
        PIX.verify_webhook(CREDENTIALS, hook(path), NOON)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"pix": 1}', b'{"pix": [1]}', b'{"pix": [{"devolucoes": [{}]}]}', b"\xff"]
)
def test_an_unreadable_webhook_says_what_is_wanted(body: bytes) -> None:
    with pytest.raises(BadNotice, match="pix"):
        PIX.read_webhook(hook("/webhooks/1/s3cret-of-the-path/pix", body))


def test_a_webhook_of_a_pix_without_a_refund_is_not_understood_and_moves_nothing() -> None:
    body = json.dumps({"pix": [pix(0)]}).encode()
    assert PIX.read_webhook(hook("/x", body)) == [NotUnderstood("Pix received, without a refund")]


# Words


def test_personal_data_and_secrets_are_scrubbed() -> None:
    text = (
        '{"cpf": "12345678909", "nome": "Ana", "chave": "a@b", "infoPagador": "oi", "access_token": "t0k", '
        '"valor": "1.00"} Bearer abc.def client_secret=s3c /webhooks/1/path-secret/pix'
    )
    scrubbed = PIX.scrub(text)
    for secret in ("12345678909", "Ana", "a@b", '"oi"', "t0k", "abc.def", "s3c", "path-secret"):
        assert secret not in scrubbed
    assert '"valor": "1.00"' in scrubbed


def test_a_name_is_scrubbed_to_its_end_whatever_it_is_written_with_and_wherever_the_body_was_cut() -> None:
    for name in ('Ana "Canary" Souza', "Ana \\ Canary", 'Ana \\" Canary'):
        text = json.dumps({"nome": name, "valor": "1.00"})
        assert "anary" not in PIX.scrub(text)
        assert '"valor": "1.00"' in PIX.scrub(text)
    assert "Canary" not in PIX.scrub('{"nome": "Ana Canary')
