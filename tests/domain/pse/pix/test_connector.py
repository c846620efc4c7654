"""The Pix connector without a network: what it sends, and what each answer means."""

import json
import tempfile
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.pse.pix.connector import Pix
from domain.pse.reporting import REPORT_SCHEMA, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    BadNotice,
    BadSignature,
    Credentials,
    Declined,
    InDoubt,
    Method,
    NotUnderstood,
    Outcome,
    PartlyListed,
    Period,
    RefundOrder,
    Returned,
    Succeeded,
    TellsOfRefund,
    Unsent,
    WebhookRequest,
)
from tests.domain.pse.fuzz import JSON, check_reading
from tests.schemas import pix as schemas

PIX = Pix()
E2E = "E12345678202611231200abcdefghijk"
ORDER = RefundOrder(
    base_url="https://pix.example.com/v2",
    reference="abcdefghij0123456789",
    payment_reference=E2E,
    pse_refund_reference=None,
    method=Method.PIX,
    amount=Money(789, "BRL"),
    captured=Money(10_000, "BRL"),
    attempt=1,
    succeeded=False,
)
ERROR = "https://pix.bcb.gov.br/api/v2/error/"


def _refund(status: str = "DEVOLVIDO", **more: Any) -> dict[str, Any]:
    return {
        "id": ORDER.reference,
        "rtrId": "D12345678202611231200abcdefghijk",
        "valor": "7.89",
        "horario": {"solicitacao": "2026-11-23T12:00:00Z", "liquidacao": "2026-11-23T12:00:01.5Z"},
        "status": status,
        **more,
    }


def _answer(status: int, body: object = None) -> httpx.Response:
    return httpx.Response(status, json=body)


def _problem(status: int, name: str) -> httpx.Response:
    return _answer(status, {"type": ERROR + name, "title": "t", "status": status, "detail": "d"})


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
    assert PIX.read_refund(ORDER, _answer(201, _refund("EM_PROCESSAMENTO"))) == Accepted(reference, "EM_PROCESSAMENTO")
    assert PIX.read_refund(ORDER, _answer(201, _refund())) == Succeeded(reference, settled, "DEVOLVIDO")
    refused = PIX.read_refund(ORDER, _answer(201, _refund("NAO_REALIZADO", motivo="Saldo insuficiente")))
    assert refused == Declined("NAO_REALIZADO", "Saldo insuficiente", reference)


def test_refused_after_success_means_that_the_money_came_back() -> None:
    outcome = PIX.read_look_up(replace(ORDER, succeeded=True), _answer(200, _refund("NAO_REALIZADO")))
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
        (1, _answer(401), Unsent),
        (1, _answer(429), Unsent),
        (1, _problem(500, "ErroInternoDoServidor"), InDoubt),
        (1, _problem(503, "ServicoIndisponivel"), InDoubt),
        (1, _problem(504, "IndisponibilidadePorTempoEsgotado"), InDoubt),
        (1, _answer(201, []), InDoubt),
        (1, _answer(201, {}), InDoubt),
        (1, httpx.Response(201, text="<html>"), InDoubt),
        (1, httpx.Response(201), InDoubt),
        (1, _answer(201, _refund("OUTRO")), InDoubt),
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
        (_answer(404), InDoubt),
        (_problem(403, "AcessoNegado"), InDoubt),
        (_answer(429), InDoubt),
        (_problem(500, "ErroInternoDoServidor"), InDoubt),
        (httpx.Response(200), InDoubt),
    ],
)
def test_a_look_up_says_unknown_only_in_the_specs_own_words(answer: httpx.Response, meaning: type[Outcome]) -> None:
    assert type(PIX.read_look_up(ORDER, answer)) is meaning


@pytest.mark.parametrize("wrong", [{"valor": "7.90"}, {"id": "another"}, {"valor": None}, {"valor": "1e1"}])
def test_another_refund_under_our_reference_is_a_persons_to_sort_out(wrong: dict[str, Any]) -> None:
    for read in (PIX.read_refund, PIX.read_look_up):
        outcome = read(ORDER, _answer(200, _refund(**wrong)))
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


# Listings

NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
DAY = Period("https://pix.example.com/v2", NOON - timedelta(hours=12), NOON + timedelta(hours=12), "America/Sao_Paulo")


def _pix(number: int, captured_at: datetime = NOON, **more: Any) -> dict[str, Any]:
    reference = f"E12345678202611231200{number:011d}"
    return {"endToEndId": reference, "valor": "100.00", "horario": captured_at.isoformat(), **more}


def _page(listed: list[dict[str, Any]], page: int, pages: int, total: int) -> httpx.Response:
    paging = {"paginaAtual": page, "quantidadeDePaginas": pages, "quantidadeTotalDeItens": total}
    return _answer(200, {"parametros": {"paginacao": paging}, "pix": listed})


def _run(steps: Generator[Any, httpx.Response, Any], answers: list[httpx.Response]) -> tuple[Any, list[httpx.Request]]:
    asked = [next(steps)]
    try:
        for answer in answers:
            asked.append(steps.send(answer))
    except StopIteration as done:
        return done.value, asked
    raise AssertionError("The listing wants more pages than there are.")


def test_all_pages_are_read_and_the_period_is_in_every_request() -> None:
    answers = [_page([_pix(0), _pix(1)], 0, 2, 3), _page([_pix(2)], 1, 2, 3)]
    listed, asked = _run(PIX.payments(DAY), answers)
    assert [payment.reference[-1] for payment in listed] == ["0", "1", "2"]
    assert [request.url.params["paginacao.paginaAtual"] for request in asked] == ["0", "1"]
    assert {request.url.params["inicio"] for request in asked} == {"2026-11-23T03:00:00.000Z"}
    assert {request.url.params["fim"] for request in asked} == {"2026-11-24T02:59:59.999Z"}


def test_a_listing_that_changes_under_way_is_read_again_and_loses_nothing() -> None:
    answers = [
        _page([_pix(0), _pix(1)], 0, 2, 3),
        _page([_pix(2), _pix(3)], 1, 2, 4),
        _page([_pix(0), _pix(1)], 0, 2, 4),
        _page([_pix(2), _pix(3)], 1, 2, 4),
    ]
    listed, _ = _run(PIX.payments(DAY), answers)
    assert len(listed) == 4


def test_a_listing_that_shows_one_twice_is_not_believed_to_be_whole() -> None:
    answers = [_page([_pix(0), _pix(1)], 0, 2, 3), _page([_pix(1)], 1, 2, 3)] * 3
    with pytest.raises(BadAnswer, match="changed"):
        _run(PIX.payments(DAY), answers)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        _answer(200, {"pix": []}),
        _answer(200, {"parametros": {"paginacao": {"quantidadeDePaginas": 1, "quantidadeTotalDeItens": 1}}, "pix": 3}),
        _page([{"endToEndId": "E1", "valor": "1.5", "horario": "x"}], 0, 1, 1),
        _page([_pix(0, devolucoes=[{"id": "a"}])], 0, 1, 1),
    ],
)
def test_a_broken_page_says_what_is_broken(answer: httpx.Response) -> None:
    with pytest.raises(BadAnswer):
        _run(PIX.payments(DAY), [answer])


def test_a_pix_of_a_listing_that_cannot_be_read_is_named_and_the_others_are_told() -> None:
    with pytest.raises(PartlyListed, match=r"Pix E\w+1: valor") as caught:
        _run(PIX.payments(DAY), [_page([_pix(0), _pix(1) | {"valor": "1e3"}, _pix(2)], 0, 1, 3)])
    assert [payment.reference[-1] for payment in caught.value.read] == ["0", "2"]


def test_the_report_looks_back_91_days_and_is_the_same_bytes_for_the_same_content() -> None:
    one, asked = _run(PIX.reports(DAY), [_page([_pix(0), _pix(1)], 0, 1, 2)] * 4)
    two, _ = _run(PIX.reports(DAY), [_page([_pix(1), _pix(0)], 0, 1, 2)] * 4)
    assert one == two
    assert asked[0].url.params["inicio"] == "2026-08-24T03:00:00.000Z"


def test_a_long_period_is_asked_for_in_parts_without_a_gap_because_a_pse_may_bound_it() -> None:
    (report,), asked = _run(PIX.reports(DAY), [_page([_pix(number)], 0, 1, 1) for number in range(4)])
    periods = [[datetime.fromisoformat(request.url.params[name]) for name in ("inicio", "fim")] for request in asked]
    assert all(end - start < timedelta(days=31) for start, end in periods)
    assert all(later[0] - one[1] == timedelta(milliseconds=1) for one, later in pairwise(periods))
    assert (periods[0][0], periods[-1][1]) == (DAY.start - timedelta(days=91), DAY.end - timedelta(milliseconds=1))
    assert len(json.loads(report.content)["pix"]) == 4


def _report(*listed: dict[str, Any]) -> ReadReport:
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump({"pix": list(listed)}, file)
        file.flush()
        return PIX.read_report(ReportFile("r", "application/json", Path(file.name)), DAY)


def _lines(*listed: dict[str, Any]) -> list[dict[str, Any]]:
    frame = _report(*listed).lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return frame.to_dicts()


def test_the_lines_of_a_day_are_its_captures_and_the_refunds_that_settled_on_it() -> None:
    old = NOON - timedelta(days=60)
    today = {"solicitacao": (NOON - timedelta(days=3)).isoformat(), "liquidacao": NOON.isoformat()}
    yesterday = {"solicitacao": NOON.isoformat(), "liquidacao": (NOON - timedelta(days=1)).isoformat()}
    lines = _lines(
        _pix(0),
        _pix(1, old, devolucoes=[_refund(horario=today), {**_refund(horario=yesterday), "id": "b"}]),
        _pix(2, old, devolucoes=_refund("NAO_REALIZADO", horario=yesterday)),
    )
    assert [(line["type"], line["state"]) for line in lines] == [
        ("CAPTURE", "SUCCEEDED"),
        ("REFUND", "SUCCEEDED"),
        ("REFUND", "FAILED"),
    ]
    assert [line["line"] for line in lines] == [1, 2, 3]


def test_the_day_is_the_merchants_and_not_utcs() -> None:
    late = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)  # 23:30 in São Paulo
    next_day = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
    assert len(_lines(_pix(0, late), _pix(1, next_day))) == 1


def test_a_med_is_marked_as_the_banks() -> None:
    line = _lines(_pix(0, NOON - timedelta(days=9), devolucoes=[_refund(natureza="MED_FRAUDE", horario={
        "liquidacao": NOON.isoformat()
    })]))[0]  # fmt: skip
    assert (line["by_bank"], line["kind"]) == (True, "MED_FRAUDE")


def test_a_refund_of_a_status_that_nobody_knows_is_kept_as_other_with_its_words() -> None:
    new = _refund("EM_ANALISE")
    report = _report(_pix(0, devolucoes=[new, _refund(id="b")]), _pix(1, devolucoes=[new]))
    lines = report.lines.collect().to_dicts()
    others = [line for line in lines if line["type"] == "OTHER"]
    assert len(lines) == 4 + 1
    assert {(line["kind"], line["amount"], line["currency"]) for line in others} == {
        ("devolucao with status EM_ANALISE", 789, "BRL")
    }
    assert {(line["reference"], line["pse_refund_reference"]) for line in others} == {(None, None)}
    assert list(report.unknown) == [Unknown("devolucao with status EM_ANALISE", rows=2, line=others[0]["line"])]


def test_a_refund_of_a_status_that_nobody_knows_does_not_hold_up_the_listing() -> None:
    listed, _ = _run(
        PIX.payments(DAY), [_page([_pix(0, devolucoes=[_refund("EM_ANALISE"), _refund(id="b")])], 0, 1, 1)]
    )
    assert [refund.reference for payment in listed for refund in payment.refunds] == ["b"]


def test_a_pix_that_cannot_be_read_holds_up_none_of_the_others_in_ninety_days_of_them() -> None:
    listed = [_pix(0), _pix(1, NOON - timedelta(days=60)) | {"valor": "1e3"}, _pix(2)]
    report = _report(*listed)
    assert sorted(line["type"] for line in report.lines.collect().to_dicts()) == ["CAPTURE", "CAPTURE", "OTHER"]
    assert [(one.words, one.rows) for one in report.unknown] == [("an entry that cannot be read", 1)]


def test_an_empty_day_has_no_lines() -> None:
    assert _lines() == []


# Webhooks

CREDENTIALS = Credentials("https://x", "id", {"client_secret": "c", "webhook_secret": "s3cret-of-the-path"})


def hook(path: str, body: bytes = b'{"pix": []}') -> WebhookRequest:
    return WebhookRequest("POST", path, "", {}, body)


@pytest.mark.parametrize("path", ["/webhooks/1/s3cret-of-the-path/pix", "/webhooks/1/s3cret-of-the-path"])
def test_a_webhook_with_the_secret_in_its_path_is_read(path: str) -> None:
    body = json.dumps(
        {"pix": [{**_pix(0), "devolucoes": [_refund(), _refund(id="b", natureza="MED_FRAUDE")]}, _pix(1)]}
    )
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
    body = json.dumps({"pix": [_pix(0)]}).encode()
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
