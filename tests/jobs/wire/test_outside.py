"""Addresses that somebody else has named: the real sender, a listener that counts, and names that lead inside.

Nothing here leaves the machine, whatever the product does: names are looked up in a table of the test, and a connection
to anything but 127.0.0.1 is refused before it is tried, and counted.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.connections import connections
from domain.connections.connections import NewConnection
from domain.models import Answer, Connection
from domain.platform.settings import Settings, SettingsError
from domain.problems import InvalidInput
from domain.pse.vocabulary import InDoubt, Unsent
from jobs.wire.sender import sender
from tests.jobs.wire.hostile import HOSTILE, LEADS_INSIDE, Network, a_connection, about_of
from tests.jobs.wire.test_sender import _certificate
from tests.kit.factories import KEY, a_payment, a_refund, a_shop
from tests.kit.world import World

pytestmark = pytest.mark.usefixtures("books")


async def test_the_real_sender_opens_no_connection_to_any_hostile_address_and_says_why(network: Network) -> None:
    connection = await a_connection()
    urls = [one.replace("PORT", str(network.port)) for one in HOSTILE]
    urls += [f"https://{name}/refunds" for name in LEADS_INSIDE]
    assert len(set(urls)) >= 60
    told: dict[str, Any] = {}
    async with sender(KEY, 2.0) as sending:
        for url in urls:
            try:
                request = httpx.Request("GET", url)
            except httpx.InvalidURL:
                continue  # a connector cannot even build it
            told[url] = await sending.send(connection, request, about_of(connection))
    assert (network.came, network.tried) == (0, [])
    others = {url: said for url, said in told.items() if not (isinstance(said, Unsent) and said.code in _CODES)}
    assert others == {}
    assert len(told) >= 60
    assert sum(said.code == "ADDRESS_REFUSED" for said in told.values()) >= 60
    assert not any(address in repr(told) for address in ("169.254.169.254'", "10.0.0.1'"))


_CODES = ("ADDRESS_REFUSED", "UNSUPPORTEDPROTOCOL", "LOCALPROTOCOLERROR")


async def test_a_token_is_asked_for_at_no_hostile_address_either(network: Network) -> None:
    for url in (f"http://127.0.0.1:{network.port}/token", "https://ten.example.com/token", "https://[::1]/token"):
        shop = await a_shop(base_url="https://pse.example.com/pix")
        await Connection.filter(id=shop.connection.id).update(token_url=url)  # as stored by a version before
        connection = await Connection.get(id=shop.connection.id)
        async with sender(KEY, 2.0) as sending:
            said = await sending.send(connection, httpx.Request("GET", connection.base_url), about_of(connection))
        assert isinstance(said, Unsent)
        assert said.code == "ADDRESS_REFUSED"
    assert (network.came, network.tried) == (0, [])


@pytest.mark.parametrize("field_of", ["base_url", "token_url", "report_url"])
async def test_no_connection_is_made_with_an_address_that_tells_by_itself_that_it_is_hostile(
    network: Network, field_of: str
) -> None:
    shop = await a_shop(base_url="https://pse.example.com/pix")
    taken, told = [], []
    for url in HOSTILE:
        places = {"base_url": "https://pse.example.com", field_of: url.replace("PORT", str(network.port))}
        new = NewConnection(pse="pix", name="n", client_id="c", secrets={}, default_store_id=shop.store.id, **places)
        try:
            await connections.create(shop.id, new, KEY)
            taken.append(url)
        except InvalidInput as error:
            told.append(error.message)
    assert taken == []
    assert [said for said in told if not re.search("https|operator|ASCII", said)] == []
    assert (network.came, network.tried, network.looked_up) == (0, [], [])


async def test_a_name_that_leads_elsewhere_after_it_was_judged_gains_nothing(network: Network) -> None:
    connection = await a_connection()
    network.table["pse.example.com"] = [["93.184.215.14"], ["127.0.0.1"]]
    async with sender(KEY, 2.0) as sending:
        answer = await sending.send(connection, httpx.Request("GET", connection.base_url), about_of(connection))
    assert isinstance(answer, Unsent)
    assert network.looked_up == ["pse.example.com"]
    assert network.tried == [("93.184.215.14", 443)]


async def test_every_address_of_a_name_is_tried_within_the_limit(network: Network) -> None:
    connection = await a_connection()
    both = ["2606:2800:21f:cb07::1", "93.184.215.14"]
    network.table["pse.example.com"] = [both]
    async with sender(KEY, 2.0) as sending:
        await sending.send(connection, httpx.Request("GET", connection.base_url), about_of(connection))
    assert [host for host, _ in network.tried] == both


async def test_the_certificate_is_of_the_name_and_not_of_the_address(network: Network, tmp_path: Path) -> None:
    authority, issuer = _certificate("authority", None)
    server, _ = _certificate("server", issuer)  # it proves 127.0.0.1 alone
    (tmp_path / "c").write_text(server.certificate)
    (tmp_path / "k").write_text(server.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with _listening(context) as port:
        names.open_places([f"pse.example.com:{port}", f"127.0.0.1:{port}"])
        network.table["pse.example.com"] = [["127.0.0.1"]]
        outcomes = []
        for host in ("pse.example.com", "127.0.0.1"):
            shop = await a_shop(base_url=f"https://{host}:{port}", token_url=f"https://{host}:{port}/token")
            connection = await _with_ca(shop.connection, authority.certificate)
            async with sender(KEY, 2.0) as sending:
                url = f"https://{host}:{port}/x"
                outcomes.append(await sending.send(connection, httpx.Request("GET", url), about_of(connection)))
    by_name, by_address = outcomes
    assert asked[0] == "pse.example.com"
    assert isinstance(by_name, Unsent)
    assert "pse.example.com" in by_name.message
    assert "certificate" in by_name.message.lower()
    assert "certificate" not in repr(by_address).lower(), "Else the test would prove nothing."


async def _with_ca(connection: Connection, ca: str) -> Connection:
    secrets = {"client_secret": "s", "webhook_secret": "w", "ca": ca}
    await connections.replace_secrets(connection, secrets, None, KEY)
    return connection


@asynccontextmanager
async def _listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_a_redirect_inside_is_not_followed(network: Network) -> None:
    """The sandbox's place is open by name, as an operator would open it; where it sends us is not."""
    landed = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        landed.append((await reader.read(65536)).split(b"\r\n", 1)[0])
        writer.write(
            b"HTTP/1.1 307 Moved\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:%d/\r\n\r\n" % network.port
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    names.open_places([f"127.0.0.1:{port}"])
    shop = await a_shop(
        pse="stripe", base_url=f"http://127.0.0.1:{port}", secrets={"api_key": "k", "webhook_secret": "w"}
    )
    async with sender(KEY, 2.0) as sending:
        request = httpx.Request("GET", f"http://127.0.0.1:{port}/x")
        answer = await sending.send(shop.connection, request, about_of(shop.connection))
    server.close()
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, len(landed), network.came) == (307, 1, 0)


async def test_a_proxy_of_the_environment_is_not_asked(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{network.port}")
    connection = await a_connection()
    network.table["pse.example.com"] = [["93.184.215.14"]]
    async with sender(KEY, 2.0) as sending:
        await sending.send(connection, httpx.Request("GET", connection.base_url), about_of(connection))
    assert (network.came, network.tried) == (0, [("93.184.215.14", 443)])


async def test_a_refund_whose_address_leads_inside_waits_and_stops_nobody_elses(world: World, network: Network) -> None:
    names.open_places([world.sandbox.url.removeprefix("http://")])
    theirs = await a_shop(
        base_url="https://ten.example.com/pix", token_url="https://ten.example.com/token", name="Evil"
    )
    refund = await a_refund(theirs, await a_payment(theirs))
    other = await a_refund(world.shop, await world.payment())
    stepped = await world.step(refund)
    assert stepped.state == "REQUESTED"
    assert stepped.due_at is not None
    assert (await world.step(other)).state == "SUCCEEDED"
    told = [one.error for one in await Answer.all() if one.error]
    assert told == [one for one in told if "not of the public internet" in one]
    assert told
    assert (network.came, [host for host, _ in network.tried if host != "127.0.0.1"]) == (0, [])


async def test_a_stored_address_that_is_refused_by_now_calls_a_person(world: World, network: Network) -> None:
    """As after an upgrade: the sandbox was reached before without the operator's word."""
    refund = await a_refund(world.shop, await world.payment())
    async with sender(KEY, 1.0) as sending:
        why = await sending.why_not(world.shop.connection)
    assert why is not None
    assert (why.code, why.lasting) == ("ADDRESS_REFUSED", True)
    assert "ESTORNO_PRIVATE_HOSTS" in why.said or "https" in why.said
    assert (await world.step(refund)).state == "REQUESTED"


@pytest.mark.parametrize(
    "text", ["*:443", "10.0.0.0/8:80", "sandbox", "sandbox:", "sandbox:0", "ftp://sandbox:1", "a:70000", "a:1=b"]
)
def test_the_operator_opens_exact_hosts_and_ports(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no wildcard"):
        Settings.read({"ESTORNO_HOME": str(tmp_path), "ESTORNO_PRIVATE_HOSTS": text})
    given = f"http://sandbox:8900, [::1]:8080,PSE.internal:8443={uuid4()}"
    settings = Settings.read({"ESTORNO_HOME": str(tmp_path), "ESTORNO_PRIVATE_HOSTS": given})
    assert settings.private_hosts == tuple(one.strip() for one in given.split(","))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_opened", set())
    names.open_places(["http://sandbox:8900", "[::1]:8080", "PSE.internal:8443", "vault.internal:8200"])


@pytest.mark.usefixtures("opened")
def test_what_is_open_is_open_by_host_and_port_and_nothing_beside_it() -> None:
    for url in (
        "http://sandbox:8900/pix",
        "http://[::1]:8080",
        "https://pse.internal:8443/v1",
        "https://api.stripe.com/v1",
    ):
        names.check(url)
    for url in (
        "http://sandbox:8901",
        "https://sandbox:8900",
        "http://vault.internal:8200/v1/sys",
        "http://sandbox",
        "https://[::1]",
        "https://pse.internal",
        "http://x@sandbox:8900/",
    ):
        with pytest.raises(AddressRefused):
            names.check(url)


async def test_what_is_opened_to_one_merchant_is_closed_to_every_other(network: Network) -> None:
    theirs, stranger = await a_connection(), await a_connection()
    place = f"127.0.0.1:{network.port}"
    names.open_places([f"{place}={theirs.merchant_id}"])
    url, store_id = f"http://{place}/v1", stranger.default_store_id
    new = NewConnection(pse="stripe", name="n", client_id="c", secrets={}, base_url=url, default_store_id=store_id)
    with pytest.raises(InvalidInput, match="https"):
        await connections.create(stranger.merchant_id, new, KEY)
    async with sender(KEY, 2.0) as sending:
        for connection in (stranger, theirs):
            request = httpx.Request("GET", url)
            said = await sending.send(connection, request, about_of(connection))
            assert isinstance(said, Unsent | InDoubt)
            assert (said.code == "ADDRESS_REFUSED", network.came) == (
                (True, 0) if connection is stranger else (False, 1)
            )


def test_addresses_of_every_pse_pass() -> None:
    for url in (
        "https://api.mercadopago.com",
        "https://checkout-test.adyen.com/v72",
        "https://0123abcd-Loja-checkout-live.adyenpayments.com/checkout/v72",
        "https://api.dlocal.com:443",
        "https://oapi.dingtalk.com/robot/send?access_token=x&sign=a%2Fb@c",
        "https://pix.itau.com.br/api/v2/",
    ):
        names.check(url)
