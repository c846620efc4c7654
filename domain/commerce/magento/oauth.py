"""OAuth 1.0a as Magento's integrations speak it: HMAC-SHA256, a JSON body is not part of what is signed (RFC 5849)."""

import base64
import secrets
import time
from collections.abc import Generator, Mapping, Sequence
from urllib.parse import parse_qsl, quote

import httpx

from domain.commerce import signing
from domain.commerce.vocabulary import ShopAccess


def base_string(method: str, url: httpx.URL, parameters: Mapping[str, str]) -> str:
    """What is signed: the method, the address without its query, and every parameter of query and header, sorted."""
    pairs: Sequence[tuple[str, str]] = [*parse_qsl(url.query.decode(), keep_blank_values=True), *parameters.items()]
    encoded = sorted((_quoted(name), _quoted(value)) for name, value in pairs)
    told = "&".join(f"{name}={value}" for name, value in encoded)
    port = f":{url.port}" if url.port else ""
    return "&".join([method.upper(), _quoted(f"{url.scheme}://{url.host}{port}{url.path}"), _quoted(told)])


def signature(method: str, url: httpx.URL, parameters: Mapping[str, str], consumer: str, token: str) -> str:
    """Of a request, by the secrets of the consumer and of its token, in base64."""
    key = f"{_quoted(consumer)}&{_quoted(token)}"
    return base64.b64encode(signing.digest(key, base_string(method, url, parameters).encode())).decode()


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")


class OAuth1(httpx.Auth):
    """Signs each request with the keys of an integration."""

    def __init__(self, access: ShopAccess) -> None:
        self._access = access

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        given = self._access.secrets
        parameters = {
            "oauth_consumer_key": self._access.option("consumer_key"),
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(time.time())),
            "oauth_token": given.get("access_token", ""),
            "oauth_version": "1.0",
        }
        keys = (given.get("consumer_secret", ""), given.get("access_token_secret", ""))
        parameters["oauth_signature"] = signature(request.method, request.url, parameters, *keys)
        told = ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items())
        request.headers["Authorization"] = f"OAuth {told}"
        yield request
