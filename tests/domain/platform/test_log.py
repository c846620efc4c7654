"""What is logged is structured, and opens no door and names no person."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from domain.platform import log
from domain.platform.settings import Settings
from tests.kit.logs import logged_as
from tests.kit.work import LINEAR_MAX, growth


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[io.StringIO]:
    with logged_as(Settings.read({"ESTORNO_HOME": str(tmp_path)})) as stream:
        yield stream


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_what_is_bound_to_the_request(logged: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", refund="f1"):
        structlog.get_logger().info("refund.step", state="PENDING")
    (line,) = _lines(logged)
    assert (line["request_id"], line["refund"], line["state"], line["level"]) == ("r1", "f1", "PENDING", "info")


def test_libraries_log_through_the_same_processors(logged: io.StringIO) -> None:
    logging.getLogger("arq.worker").warning("key est_%s used", "a" * 43)
    (line,) = _lines(logged)
    assert line["event"] == "key [token] used"


SECRETS = [
    "Bearer abcdefghijkl",
    "est_" + "x" * 43,
    "postgres://app:hunter2@db/x",
    "529.982.247-25",
    "52998224725",
    "12.345.678/0001-95",
    "12345678000195",
    "ana@example.com",
    "032180000118359719",
    "/webhooks/6fe972c4-7585-4462-9dd0-e76d96f55860/path-secret/pix",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_and_personal_numbers_are_not_logged(logged: io.StringIO, secret: str) -> None:
    structlog.get_logger().warning("it happened", said=f"at {secret} today", deep={"list": [secret]}, api_key="canary")
    text = logged.getvalue()
    for part in (
        "abcdefghijkl",
        "xxxxx",
        "hunter2",
        "529.982",
        "52998224725",
        "12345678000195",
        "12.345.678",
        "ana@",
        "path-secret",
        "canary",
    ):
        assert part not in text


def test_an_exception_is_logged_without_its_local_variables(logged: io.StringIO) -> None:
    def fail(password: str) -> None:
        raise ValueError("broken")

    try:
        fail("hunter2-canary")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: broken" in logged.getvalue()
    assert "hunter2-canary" not in logged.getvalue().replace('fail("hunter2-canary")', "").replace(
        'fail(\\"hunter2-canary\\")', ""
    )


def test_a_reference_of_ours_is_not_taken_for_a_tax_number() -> None:
    assert log.redacted("refund 12345678901abcdefghi") == "refund 12345678901abcdefghi"
    assert log.redacted("E12345678202611231200abcdefghijk") == "E12345678202611231200abcdefghijk"


@pytest.mark.parametrize(
    "turn", ["a", "a:", "a@", "a.", "://", "w://x:", "1", "Bearer ", "est_", "/webhooks/", " ", "\\"]
)
def test_redacting_takes_time_in_proportion_to_the_text(turn: str) -> None:
    patterns = log._PATTERNS

    def run(size: int) -> None:
        text = turn * (size // len(turn))
        for pattern, replacement in patterns:
            pattern.sub(replacement, text)

    assert growth(run, 1_000) < LINEAR_MAX


def test_a_long_value_is_cut_and_no_half_of_a_secret_stays(logged: io.StringIO) -> None:
    for length in range(1_500, 2_100, 7):
        structlog.get_logger().warning("it happened", said="x," * (length // 2) + " ana@example.com " + "y" * 60_000)
    assert len(logged.getvalue()) < 90 * 2_500
    assert "ana" not in logged.getvalue()


def test_what_stands_under_a_secrets_name_within_a_value_is_not_logged(logged: io.StringIO) -> None:
    structlog.get_logger().warning("it happened", deep={"list": [{"access_token": "canary", "other": ("kept", None)}]})
    assert "canary" not in logged.getvalue()
    assert "kept" in logged.getvalue()


def test_the_link_of_a_customer_is_not_logged(logged: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning('"WebSocket %s" 403', "/refund-destination/canary-of-43-characters?x=1")
    assert "canary" not in logged.getvalue()
