"""What a Pix PSE lists: the payments of a period with their refunds, and the lines of a day."""

import json
import tempfile
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.pse.reporting import REPORT_SCHEMA, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import BadAnswer, PartlyListed, Period
from tests.domain.pse.pix.answers import NOON, PIX, answer, pix, refund

DAY = Period("https://pix.example.com/v2", NOON - timedelta(hours=12), NOON + timedelta(hours=12), "America/Sao_Paulo")


def _page(listed: list[dict[str, Any]], page: int, pages: int, total: int) -> httpx.Response:
    paging = {"paginaAtual": page, "quantidadeDePaginas": pages, "quantidadeTotalDeItens": total}
    return answer(200, {"parametros": {"paginacao": paging}, "pix": listed})


def _run(steps: Generator[Any, httpx.Response, Any], answers: list[httpx.Response]) -> tuple[Any, list[httpx.Request]]:
    asked = [next(steps)]
    try:
        for answer in answers:
            asked.append(steps.send(answer))
    except StopIteration as done:
        return done.value, asked
    raise AssertionError("The listing wants more pages than there are.")


def test_all_pages_are_read_and_the_period_is_in_every_request() -> None:
    answers = [_page([pix(0), pix(1)], 0, 2, 3), _page([pix(2)], 1, 2, 3)]
    listed, asked = _run(PIX.payments(DAY), answers)
    assert [payment.reference[-1] for payment in listed] == ["0", "1", "2"]
    assert [request.url.params["paginacao.paginaAtual"] for request in asked] == ["0", "1"]
    assert {request.url.params["inicio"] for request in asked} == {"2026-11-23T03:00:00.000Z"}
    assert {request.url.params["fim"] for request in asked} == {"2026-11-24T02:59:59.999Z"}


def test_a_listing_that_changes_under_way_is_read_again_and_loses_nothing() -> None:
    answers = [
        _page([pix(0), pix(1)], 0, 2, 3),
        _page([pix(2), pix(3)], 1, 2, 4),
        _page([pix(0), pix(1)], 0, 2, 4),
        _page([pix(2), pix(3)], 1, 2, 4),
    ]
    listed, _ = _run(PIX.payments(DAY), answers)
    assert len(listed) == 4


def test_a_listing_that_shows_one_twice_is_not_believed_to_be_whole() -> None:
    answers = [_page([pix(0), pix(1)], 0, 2, 3), _page([pix(1)], 1, 2, 3)] * 3
    with pytest.raises(BadAnswer, match="changed"):
        _run(PIX.payments(DAY), answers)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        answer(200, {"pix": []}),
        answer(200, {"parametros": {"paginacao": {"quantidadeDePaginas": 1, "quantidadeTotalDeItens": 1}}, "pix": 3}),
        _page([{"endToEndId": "E1", "valor": "1.5", "horario": "x"}], 0, 1, 1),
        _page([pix(0, devolucoes=[{"id": "a"}])], 0, 1, 1),
    ],
)
def test_a_broken_page_says_what_is_broken(answer: httpx.Response) -> None:
    with pytest.raises(BadAnswer):
        _run(PIX.payments(DAY), [answer])


def test_a_pix_of_a_listing_that_cannot_be_read_is_named_and_the_others_are_told() -> None:
    with pytest.raises(PartlyListed, match=r"Pix E\w+1: valor") as caught:
        _run(PIX.payments(DAY), [_page([pix(0), pix(1) | {"valor": "1e3"}, pix(2)], 0, 1, 3)])
    assert [payment.reference[-1] for payment in caught.value.read] == ["0", "2"]


def test_the_report_looks_back_91_days_and_is_the_same_bytes_for_the_same_content() -> None:
    one, asked = _run(PIX.reports(DAY), [_page([pix(0), pix(1)], 0, 1, 2)] * 4)
    two, _ = _run(PIX.reports(DAY), [_page([pix(1), pix(0)], 0, 1, 2)] * 4)
    assert one == two
    assert asked[0].url.params["inicio"] == "2026-08-24T03:00:00.000Z"


def test_a_long_period_is_asked_for_in_parts_without_a_gap_because_a_pse_may_bound_it() -> None:
    (report,), asked = _run(PIX.reports(DAY), [_page([pix(number)], 0, 1, 1) for number in range(4)])
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
        pix(0),
        pix(1, old, devolucoes=[refund(horario=today), {**refund(horario=yesterday), "id": "b"}]),
        pix(2, old, devolucoes=refund("NAO_REALIZADO", horario=yesterday)),
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
    assert len(_lines(pix(0, late), pix(1, next_day))) == 1


def test_a_med_is_marked_as_the_banks() -> None:
    line = _lines(pix(0, NOON - timedelta(days=9), devolucoes=[refund(natureza="MED_FRAUDE", horario={
        "liquidacao": NOON.isoformat()
    })]))[0]  # fmt: skip
    assert (line["by_bank"], line["kind"]) == (True, "MED_FRAUDE")


def test_a_refund_of_a_status_that_nobody_knows_is_kept_as_other_with_its_words() -> None:
    new = refund("EM_ANALISE")
    report = _report(pix(0, devolucoes=[new, refund(id="b")]), pix(1, devolucoes=[new]))
    lines = report.lines.collect().to_dicts()
    others = [line for line in lines if line["type"] == "OTHER"]
    assert len(lines) == 4 + 1
    assert {(line["kind"], line["amount"], line["currency"]) for line in others} == {
        ("devolucao with status EM_ANALISE", 789, "BRL")
    }
    assert {(line["reference"], line["pse_refund_reference"]) for line in others} == {(None, None)}
    assert list(report.unknown) == [Unknown("devolucao with status EM_ANALISE", rows=2, line=others[0]["line"])]


def test_a_refund_of_a_status_that_nobody_knows_does_not_hold_up_the_listing() -> None:
    listed, _ = _run(PIX.payments(DAY), [_page([pix(0, devolucoes=[refund("EM_ANALISE"), refund(id="b")])], 0, 1, 1)])
    assert [refund.reference for payment in listed for refund in payment.refunds] == ["b"]


def test_a_pix_that_cannot_be_read_holds_up_none_of_the_others_in_ninety_days_of_them() -> None:
    listed = [pix(0), pix(1, NOON - timedelta(days=60)) | {"valor": "1e3"}, pix(2)]
    report = _report(*listed)
    assert sorted(line["type"] for line in report.lines.collect().to_dicts()) == ["CAPTURE", "CAPTURE", "OTHER"]
    assert [(one.words, one.rows) for one in report.unknown] == [("an entry that cannot be read", 1)]


def test_an_empty_day_has_no_lines() -> None:
    assert _lines() == []
