"""TLS to our own servers: what an address says of it counts, with the certificate's name, or the start fails.

Two libraries would be laxer than they look: Tortoise knows nothing of `sslmode`, so it would be left out, and redis-py
takes any valid certificate for `rediss://`, whatever name it was made for.
"""

import ssl
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from arq.connections import RedisSettings
from redis.asyncio import Redis

_PLAIN: Final = ("disable", "allow", "prefer", "require")  # asyncpg knows these by their names; none is checked
_CHECKED: Final = ("verify-ca", "verify-full")
_OF_POSTGRES: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_OF_REDIS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def of_database(url: str) -> ssl.SSLContext | str | None:
    """What asyncpg takes as `ssl`; None: the address says nothing, so PGSSLMODE or its default counts.

    `verify-full` is by the authorities of `sslrootcert`, else the system's. Raises OSError for a file that lacks.
    """
    said = dict(parse_qsl(urlsplit(url).query))
    mode = said.get("sslmode")
    if mode is None or mode in _PLAIN:
        return mode
    context = ssl.create_default_context(cafile=said.get("sslrootcert"))
    context.check_hostname = mode == "verify-full"
    if "sslcert" in said:
        context.load_cert_chain(said["sslcert"], said.get("sslkey"))
    return context


def redis(url: str, **more: Any) -> Any:
    """A client of Valkey, whose types are narrower than it; by `rediss://` its certificate is of the address's host."""
    return Redis.from_url(url, **more, **({"ssl_check_hostname": True} if _is_tls(url) else {}))


def arq(url: str) -> RedisSettings:
    """The same, for arq, which reads no more of an address than where it is."""
    settings = RedisSettings.from_dsn(url)
    if _is_tls(url):
        settings.ssl_check_hostname = True
        for name, value in parse_qsl(urlsplit(url).query):
            if name in _OF_REDIS:
                setattr(settings, name, value)
    return settings


def check_database(url: str) -> None:
    """Raises ValueError for what nobody would read, such as a misspelt mode: it would be left out, and nobody know."""
    said = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    if unknown := sorted(said.keys() - set(_OF_POSTGRES)):
        raise ValueError(f"no parameters but {', '.join(_OF_POSTGRES)}; {unknown[0][:40]} would be left out")
    if "sslmode" in said and said["sslmode"] not in (*_PLAIN, *_CHECKED):
        raise ValueError(f"an sslmode of {', '.join((*_PLAIN, *_CHECKED))}")
    if said.keys() & {"sslrootcert", "sslcert"} and said.get("sslmode") not in _CHECKED:
        raise ValueError("certificates with sslmode=verify-full (or verify-ca) alone: nothing else looks at them")


def check_redis(url: str) -> None:
    """Raises ValueError where the address would have certificates not checked."""
    said = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    if unknown := sorted(one for one in said if one.startswith("ssl") and one not in _OF_REDIS):
        raise ValueError(f"of TLS only {', '.join(_OF_REDIS)}, and not {unknown[0][:40]}; the certificate is checked")


def _is_tls(url: str) -> bool:
    return urlsplit(url).scheme == "rediss"
