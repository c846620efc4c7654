"""Sending: what an absent answer means, mutual TLS, and bounds on time and size."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import hypercorn
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypercorn.asyncio import serve
from hypercorn.typing import ASGIFramework

from domain.connections import connections
from domain.connections.calls import About
from domain.connections.connections import NewConnection
from domain.models import Answer, Call, Connection
from domain.pse.vocabulary import InDoubt, Unsent
from jobs.machine.ports import free_port
from jobs.wire import exchange as wire
from jobs.wire.sender import Sender, sender
from tests.kit.factories import KEY, Shop, a_shop
from tests.kit.family import until
from tests.kit.world import served
from tests.sandbox.app import create

pytestmark = pytest.mark.usefixtures("books")


@dataclass(frozen=True, slots=True)
class Pem:
    certificate: str
    key: str


Issuer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _certificate(name: str, issuer: Issuer | None) -> tuple[Pem, Issuer]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pem(made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()), (made, key)


@asynccontextmanager
async def _mutual_tls(folder: Path, server: Pem, authority: Pem) -> AsyncIterator[str]:
    for name, text in (("c", server.certificate), ("k", server.key), ("a", authority.certificate)):
        (folder / name).write_text(text)
    tls = {
        "ssl_certfile": folder / "c",
        "ssl_keyfile": folder / "k",
        "ssl_ca_certs": str(folder / "a"),
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    async with served(create(), "https", **tls) as url:
        yield url


async def _connection(shop: Shop, url: str, **secrets: str) -> Connection:
    known = {"client_secret": "sandbox-secret", "webhook_secret": "w", **secrets}
    new = NewConnection("pix", f"to {url}", f"{url}/pix/v2", "estorno", known, shop.store.id, f"{url}/oauth/token")
    return await connections.create(shop.id, new, KEY)


def _about(connection: Connection) -> About:
    return About(connection.merchant_id, connection.id, "request", "PAYMENT")


def _ask(connection: Connection, path: str = "/pix/E1") -> httpx.Request:
    return httpx.Request("GET", connection.base_url + path)


async def test_a_client_certificate_opens_a_pse_that_wants_mutual_tls(tmp_path: Path) -> None:
    authority, issuer = _certificate("authority", None)
    server, _ = _certificate("server", issuer)
    client, _ = _certificate("merchant", issuer)
    shop = await a_shop()
    async with _mutual_tls(tmp_path, server, authority) as url, sender(KEY, 5.0) as sending:
        with_it = await _connection(
            shop, url, ca=authority.certificate, client_certificate=client.certificate, client_key=client.key
        )
        answer = await sending.send(with_it, _ask(with_it), _about(with_it))
        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 404
    assert client.key not in repr([call.headers for call in await Call.all()])


@asynccontextmanager
async def _over_http2(folder: Path, server: Pem) -> AsyncIterator[str]:
    """The sandbox behind a server that offers HTTP/2."""
    (folder / "c").write_text(server.certificate)
    (folder / "k").write_text(server.key)
    config, port, stop = hypercorn.Config(), free_port(), asyncio.Event()
    config.bind, config.certfile, config.keyfile = [f"127.0.0.1:{port}"], str(folder / "c"), str(folder / "k")
    config.alpn_protocols, config.errorlog = ["h2", "http/1.1"], None
    serving = asyncio.create_task(serve(cast("ASGIFramework", create()), config, shutdown_trigger=stop.wait))
    try:
        await until(lambda: _listens(port), "the server listens")
        yield f"https://127.0.0.1:{port}"
    finally:
        stop.set()
        await serving


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_http_2_is_spoken_where_it_is_offered(tmp_path: Path) -> None:
    authority, issuer = _certificate("authority", None)
    server, _ = _certificate("server", issuer)
    async with _over_http2(tmp_path, server) as url, sender(KEY, 5) as sending:
        connection = await _connection(await a_shop(), url, ca=authority.certificate)
        answer = await sending.send(connection, _ask(connection), _about(connection))
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.extensions["http_version"]) == (404, b"HTTP/2")


async def test_without_the_certificate_nothing_was_sent(tmp_path: Path) -> None:
    authority, issuer = _certificate("authority", None)
    server, _ = _certificate("server", issuer)
    shop = await a_shop()
    async with _mutual_tls(tmp_path, server, authority) as url, sender(KEY, 5.0) as sending:
        without = await _connection(shop, url, ca=authority.certificate)
        assert isinstance(await sending.send(without, _ask(without), _about(without)), Unsent)


async def test_a_pse_whose_authority_is_not_known_is_not_spoken_to(tmp_path: Path) -> None:
    authority, issuer = _certificate("authority", None)
    server, _ = _certificate("server", issuer)
    shop = await a_shop()
    async with _mutual_tls(tmp_path, server, authority) as url, sender(KEY, 5.0) as sending:
        stranger = await _connection(shop, url)
        assert isinstance(await sending.send(stranger, _ask(stranger), _about(stranger)), Unsent)


@asynccontextmanager
async def _raw(answer: bytes, seconds: float) -> AsyncIterator[str]:
    """A server that grants a token, then drips `answer`, 4096 bytes every so many seconds; its address."""
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            while head := await reader.read(65536):
                await _reply(writer, head, answer, seconds)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client may hang up, which is what is tested
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    await asyncio.sleep(0)  # the aborted transports say goodbye


async def _reply(writer: asyncio.StreamWriter, head: bytes, answer: bytes, seconds: float) -> None:
    if b"/oauth/token" in head:
        body = b'{"access_token": "t", "expires_in": 300}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        return
    for byte in range(0, len(answer), 4096):
        writer.write(answer[byte : byte + 4096])
        await writer.drain()
        await asyncio.sleep(seconds)


async def test_an_answer_that_drips_is_cut_off_by_the_limit_on_the_whole_send() -> None:
    dripping = b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + b"x" * 999_999
    async with _raw(dripping, 0.05) as url, sender(KEY, 0.5) as sending:
        connection = await _connection(await a_shop(), url)
        outcome = await sending.send(connection, _ask(connection), _about(connection))
        assert outcome == InDoubt("TIMEOUT", "No answer: TimeoutError")
    call = await Call.get(purpose="PAYMENT")
    assert "Timeout" in ((await Answer.get(call_id=call.id)).error or "")


async def test_an_answer_larger_than_anything_a_pse_has_to_say_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", 10_000)
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\n" + b"x" * 20_000
    async with _raw(large, 0) as url, sender(KEY, 5.0) as sending:
        connection = await _connection(await a_shop(), url)
        assert isinstance(await sending.send(connection, _ask(connection), _about(connection)), InDoubt)


async def test_many_sends_at_once_make_one_token_request() -> None:
    shop = await a_shop()
    async with _raw(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 0) as url, sender(KEY, 5.0) as sending:
        connection = await _connection(shop, url)
        await asyncio.gather(*(sending.send(connection, _ask(connection), _about(connection)) for _ in range(10)))
    assert await Call.filter(purpose="TOKEN").count() == 1
    assert await Call.filter(purpose="PAYMENT").count() == 10


async def test_nobody_listening_means_never_sent() -> None:
    connection = await _connection(await a_shop(), f"http://127.0.0.1:{free_port()}")
    async with sender(KEY, 1.0) as sending:
        assert isinstance(await sending.send(connection, _ask(connection), _about(connection)), Unsent)
    assert isinstance(Sender(KEY, 1.0), Sender)
