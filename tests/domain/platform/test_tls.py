"""TLS to PostgreSQL and Valkey: real ones, behind a front that speaks TLS, with certificates of a throw-away authority.

The servers that the tests bring are built without TLS, so the front ends it: as PostgreSQL does after an SSLRequest,
and as Valkey does on its TLS port.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api.rates import Rates
from domain.platform import bell, database, tls
from domain.platform.bell import BellError
from domain.platform.database import DatabaseError
from domain.platform.settings import Settings, SettingsError
from tests.conftest import Database
from tests.jobs.wire.test_sender import _certificate

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Front:
    """A TLS end before a server; `seen`: how often TLS was begun, and how often something was said without it."""

    def __init__(self, folder: Path, host: str, port: int, *, after_request: bool) -> None:
        authority, issuer = _certificate("authority", None)
        server, _ = _certificate("127.0.0.1", issuer)  # proves 127.0.0.1, and not localhost
        for name, text in (("ca", authority.certificate), ("c", server.certificate), ("k", server.key)):
            (folder / name).write_text(text)
        self.authority = str(folder / "ca")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / "c", folder / "k")
        self.behind, self.after_request = (host, port), after_request
        self.plain = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.after_request:
                said = await reader.readexactly(8)
                if said != _SSL_REQUEST:
                    self.plain += 1
                    return
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self.tls)
            there, back = await asyncio.open_connection(*self.behind)
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def _fronted(folder: Path, url: str, *, after_request: bool) -> AsyncIterator[tuple[Front, str]]:
    """The front before the server of an address, and that address with the front's port."""
    parts = urlsplit(url)
    front = Front(folder, parts.hostname or "", parts.port or 0, after_request=after_request)
    server = await asyncio.start_server(front.talk, "127.0.0.1", 0, ssl=None if after_request else front.tls)
    port = server.sockets[0].getsockname()[1]
    yield front, parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")).geturl()
    server.close()


async def test_what_the_address_says_of_tls_reaches_the_pool(own_database: Database, tmp_path: Path) -> None:
    async with _fronted(tmp_path, own_database.application_url, after_request=True) as (front, url):
        full = f"{url}?sslmode=verify-full&sslrootcert={front.authority}"
        async with database.connected(full, pool_max=1):
            assert await database.rows("SELECT 1 AS one")
        assert front.plain == 0
        misnamed = full.replace("127.0.0.1", "localhost")
        for refused in (f"{url}?sslmode=verify-full", misnamed):
            with pytest.raises(DatabaseError, match="certificate"):
                await database.open_pool(refused)
        async with database.connected(misnamed.replace("verify-full", "verify-ca"), pool_max=1):
            assert await database.rows("SELECT 1 AS one")
        with pytest.raises(DatabaseError, match="No such file"):
            await database.open_pool(f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/nowhere")


async def test_a_database_without_tls_is_not_spoken_to_in_clear(own_database: Database) -> None:
    for mode in ("require", "verify-full"):
        with pytest.raises(DatabaseError):
            await database.open_pool(f"{own_database.application_url}?sslmode={mode}")


async def test_the_pool_itself_has_the_certificate_checked(own_database: Database, tmp_path: Path) -> None:
    """What looks whether the database is there is not the pool."""
    async with _fronted(tmp_path, own_database.application_url, after_request=True) as (front, url):
        credentials = database.config(f"{url}?sslmode=verify-full&sslrootcert={front.authority}")
        made = credentials["connections"]["default"]["credentials"]["ssl"]
        assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_valkeys_certificate_is_of_its_host(redis_url: str, tmp_path: Path) -> None:
    async with _fronted(tmp_path, redis_url, after_request=False) as (front, url):
        good = f"{url.replace('redis://', 'rediss://')}?ssl_ca_certs={front.authority}"
        await bell.connect(good)
        await bell.close()
        client = tls.redis(good)
        assert await client.ping()
        await client.aclose()
        misnamed = good.replace("127.0.0.1", "localhost")
        for refused in (misnamed, good.partition("?")[0]):
            with pytest.raises(BellError):
                await bell.connect(refused)
            rates = Rates(refused, {"token": 1}, answer_seconds=5.0)
            await rates.seconds_to_wait("token", "a")
            assert rates._away_until > 0, "It was heard all the same."
            await rates.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgres://a@db/x?sslmode=verfy-full"),
        ("DATABASE_URL", "postgres://a@db/x?ssl=true"),
        ("DATABASE_URL", "postgres://a@db/x?sslrootcert=/ca.pem"),
        ("DATABASE_URL", "postgres://a@db/x?sslmode=require&sslrootcert=/ca.pem"),
        ("DATABASE_URL", "postgres://a@db/x?sslmode="),
        ("REDIS_URL", "rediss://valkey:6379/0?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://valkey:6379/0?ssl_check_hostname=false"),
    ],
)
def test_a_setting_that_would_be_laxer_than_it_reads_stops_the_start(variable: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.read({"ESTORNO_HOME": str(tmp_path), "ESTORNO_SECRET_KEY": "a" * 43, variable: value})
