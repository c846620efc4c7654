"""Addresses that a merchant gives for its news: none of the hostile ones is reached, and none can be stored."""

import os
import time
from uuid import uuid4

import httpx
import pytest

from domain.access.tokens import Role
from domain.deliveries import endpoints
from domain.deliveries.endpoints import EndpointChange, NewEndpoint
from domain.models import Endpoint
from domain.models.deliveries import EndpointKind
from domain.problems import InvalidInput
from jobs.wire import abroad
from jobs.wire.abroad import Abroad, NotReplied, Replied, kept
from tests.jobs.wire.hostile import HOSTILE, LEADS_INSIDE, Network
from tests.kit.factories import CAUSE, KEY, a_person, a_shop
from tests.kit.receiver import receiving

pytestmark = pytest.mark.usefixtures("books")


async def test_no_hostile_address_is_connected_to_whatever_its_name_resolves_to(network: Network) -> None:
    urls = [one.replace("PORT", str(network.port)) for one in HOSTILE]
    urls += [f"https://{name}/hooks" for name in LEADS_INSIDE]
    sending = Abroad()
    told = {}
    for url in urls:
        try:
            request = httpx.Request("POST", url, content=b"{}")
        except (httpx.InvalidURL, TypeError):
            continue  # the channel says that it cannot be used
        told[url] = await sending.send(uuid4(), request)
    await sending.close()
    assert (network.came, network.tried) == (0, [])
    assert all(isinstance(one, NotReplied) for one in told.values())
    assert len(told) >= 60
    assert not any(inside in repr(told.values()) for inside in ("10.0.0.1", "169.254.169.254", "127.0.0.1"))


async def test_a_name_that_changes_its_answer_is_judged_at_each_try_and_gains_nothing_between(
    network: Network,
) -> None:
    network.table["hooks.example.com"] = [["93.184.215.14"], ["127.0.0.1"]]
    sending, whose = Abroad(), uuid4()
    request = httpx.Request("POST", "https://hooks.example.com/x", content=b"{}")
    first = await sending.send(whose, request)
    assert network.tried == [("93.184.215.14", 443)], "Connected to as it was judged: nobody asked again."
    second = await sending.send(whose, request)
    await sending.close()
    assert isinstance(first, NotReplied)
    assert isinstance(second, NotReplied)
    assert "not of the public internet" in second.reason
    assert network.tried == [("93.184.215.14", 443)]


async def test_no_endpoint_is_stored_or_moved_to_a_hostile_address(network: Network) -> None:
    shop = await a_shop(base_url="https://pse.example.com/v1")
    admin = a_person(shop, "dev", Role.ADMIN)
    good = NewEndpoint(EndpointKind.WEBHOOK, "good", "https://shop.example.com/hooks", types=["*"])
    made = await endpoints.create(admin, good, KEY, CAUSE)
    taken, said = [], list[tuple[str, str]]()
    for kind in (EndpointKind.WEBHOOK, EndpointKind.SLACK):
        for url in HOSTILE:
            url = url.replace("PORT", str(network.port))
            types = ["*"] if kind is EndpointKind.WEBHOOK else []
            for attempt in (
                endpoints.create(admin, NewEndpoint(kind, "n", url, types=types), KEY, CAUSE),
                endpoints.change(admin, made.endpoint.id, EndpointChange(url=url), KEY, CAUSE),
            ):
                try:
                    await attempt
                    taken.append(url)
                except InvalidInput as error:
                    said.append((url, error.message))
    assert taken == []
    assert [url for url, message in said if len(url) > len("https://") and url in message] == []
    assert await Endpoint.all().count() == 1
    assert (network.came, network.tried, network.looked_up) == (0, [], [])


async def test_the_environments_proxy_is_not_asked_and_no_redirect_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")
        server.moods["/away"] = f"302 {server.url('/there')}"
        sending = Abroad()
        reply = await sending.send(uuid4(), httpx.Request("POST", server.url("/away"), content=b"{}"))
        await sending.close()
        assert isinstance(reply, Replied)
        assert reply.response.status_code == 302
        assert server.of("/there") == []


async def test_an_answer_without_an_end_is_read_to_its_bound_and_one_that_trickles_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(abroad, "_BODY_SECONDS_MAX", 0.5)
    monkeypatch.setattr(abroad, "SECONDS_MAX", 3.0)
    async with receiving() as server:
        server.moods.update({"/endless": "endless", "/trickles": "trickles", "/silent": "silent"})
        sending, whose = Abroad(), uuid4()
        began = time.monotonic()
        endless = await sending.send(whose, httpx.Request("POST", server.url("/endless"), content=b"{}"))
        trickles = await sending.send(whose, httpx.Request("POST", server.url("/trickles"), content=b"{}"))
        silent = await sending.send(whose, httpx.Request("POST", server.url("/silent"), content=b"{}"))
        await sending.close()
    assert isinstance(endless, Replied)
    assert len(endless.response.content) <= abroad.ANSWER_BYTES_MAX
    assert isinstance(trickles, Replied)
    assert trickles.response.status_code == 200
    assert isinstance(silent, NotReplied)
    assert silent.reason == "There was no answer within 3 seconds."
    assert time.monotonic() - began < 60, "It hangs."


def test_an_answer_is_kept_cut_and_without_secrets_and_people() -> None:
    said = b'{"email": "ana@shop.example", "api_key": "sk_live_12345678", "ok": true, "echo": "whsec_abcdefghijkl"}'
    text = kept(said, ("https://hooks.example/secret",))
    assert '"ok": true' in text
    assert not any(word in text for word in ("ana@", "sk_live", "whsec_abc"))
    assert "secret-path" not in kept(b"at https://shop.example/secret-path/x", ("https://shop.example/secret-path/x",))
    assert len(kept(b"x" * 1_000_000, ())) <= abroad.KEPT_CHARACTERS_MAX + 20
    assert kept(b"\xff\x00\xfe", ()) == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
