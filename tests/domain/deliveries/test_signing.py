"""Signatures against published vectors, and against the official library."""

import base64
import os
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
import standardwebhooks

from domain.deliveries import signing
from domain.deliveries.answers import Broken, Later, Sent
from domain.deliveries.channels.channel import Address, Message, packed, unpacked
from domain.deliveries.channels.webhook import Webhook, body_of

FIRST = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECOND = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ID, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, UTC)
OF_FIRST = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OF_SECOND = "v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI="


def test_the_vectors_of_the_specification_hold_and_a_rotation_signs_with_both() -> None:
    assert signing.signature([FIRST], ID, AT, BODY) == OF_FIRST
    assert signing.signature([SECOND], ID, AT, BODY) == OF_SECOND
    assert signing.signature([FIRST, SECOND], ID, AT, BODY) == f"{OF_FIRST} {OF_SECOND}"


def test_the_zone_of_the_moment_changes_nothing_though_the_librarys_own_signer_is_off_by_it() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=8)))
    assert signing.signature([FIRST], ID, elsewhere, BODY) == OF_FIRST
    wrong = standardwebhooks.Webhook(FIRST).sign(ID, elsewhere, BODY.decode())
    assert wrong == "v1,Qlsmr4kqueI7QUtncSIJ4xdR9JXVBGKjX6VqRZvC4oA=", "It is right now: drop the warning in the docs."


def test_the_official_library_believes_what_the_channel_sends_under_the_old_and_the_new_secret() -> None:
    old, new = signing.new_secret(), signing.new_secret()
    message = Message("msg_1", "refund.success", data={"type": "refund.success", "data": {"note": "ção 退款 \u2028"}})
    message = unpacked(packed(message))
    request = Webhook().request(Address("https://shop.example/hooks", (new, old)), message, datetime.now(UTC))
    for secret in (old, new):
        told = standardwebhooks.Webhook(secret).verify(request.content.decode(), dict(request.headers))
        assert told == message.data
    with pytest.raises(Exception, match="signature"):
        standardwebhooks.Webhook(signing.new_secret()).verify(request.content.decode(), dict(request.headers))
    assert request.content == body_of(message.data)


@pytest.mark.parametrize("size", [0, 1, 23, 65, 200])
def test_a_secret_of_another_size_is_refused_and_not_repeated(size: int) -> None:
    secret = signing.PREFIX + base64.b64encode(os.urandom(size)).decode()
    with pytest.raises(ValueError, match="24 to 64") as told:
        signing.key_of(secret)
    assert size == 0 or secret not in str(told.value)


@pytest.mark.parametrize("secret", ["whsec_%%%", "whsec_AAAA AAAA", "", "é" * 40])
def test_what_is_no_base64_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="A secret"):
        signing.key_of(secret)


def test_a_new_secret_is_long_enough_and_another_one_each_time() -> None:
    made = {signing.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(24 <= len(signing.key_of(one)) <= 64 for one in made)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (httpx.Response(200), Sent("200")),
        (httpx.Response(204), Sent("204")),
        (httpx.Response(410), Broken("Your server answered 410 (Gone), which asks us to stop.")),
        (httpx.Response(429, headers={"retry-after": "120"}), Later(120, "Your server answered 429.")),
        (httpx.Response(503, headers={"retry-after": "a while"}), Later(0, "Your server answered 503.")),
        (httpx.Response(429, headers={"retry-after": "9" * 400}), Later(999999999, "Your server answered 429.")),
        (httpx.Response(429, headers=[(b"retry-after", b"\xb2")]), Later(0, "Your server answered 429.")),
        (httpx.Response(500, headers={"retry-after": "120"}), Later(0, "Your server answered 500.")),
        (httpx.Response(404), Later(0, "Your server answered 404.")),
        (
            httpx.Response(302, headers={"location": "http://169.254.169.254/"}),
            Later(0, "Your server answered 302; a redirect is not followed: set the address itself."),
        ),
    ],
)
def test_only_2xx_has_arrived_and_everything_else_says_what_to_do(response: httpx.Response, answer: object) -> None:
    assert Webhook().read(response) == answer


def test_an_address_that_cannot_be_used_is_not_repeated_in_the_error() -> None:
    secret = signing.new_secret()
    with pytest.raises(ValueError, match="cannot be used") as told:
        Webhook().request(Address("https://shop.example:hidden/x", (secret,)), Message("m", "a.b"), AT)
    assert "hidden" not in str(told.value)
    assert told.value.__cause__ is None
    assert secret not in repr(Address("https://shop.example/secret-path", (secret,)))
    assert "secret-path" not in repr(Address("https://shop.example/secret-path", (secret,)))
