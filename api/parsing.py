"""The parser of requests, for which an upgrade that we do not know is a header like any other (RFC 9110, section 7.8).

The one of httptools takes what follows such a head for another protocol: a request that offers h2c would lose its body.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import httptools

# Of all in a handshake whose values are read one by one, by slow parsers, before anybody knows who sends it.
HANDSHAKE_BYTES_MAX: Final = 1_024
HANDSHAKE_VALUES_MAX: Final = 20
_HANDSHAKE: Final = frozenset(
    {b"connection", b"upgrade", b"sec-websocket-protocol", b"sec-websocket-extensions", b"sec-websocket-version"}
)


class RequestParser:
    """httptools' parser. `upgrades()` tells whether the head that was just read changes the protocol, `head()` gives
    it again without what it offers.
    """

    def __init__(self, protocol: Any, upgrades: Callable[[], bool], head: Callable[[], bytes]) -> None:
        self._protocol = protocol
        self._upgrades = upgrades
        self._head = head
        self._parser = self._another()

    def _another(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self._protocol)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        return parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> None:
        """As httptools does, but HttpParserUpgrade is raised only where the protocol changes."""
        rest = memoryview(data)
        while True:
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                if not self.ignores_upgrade():
                    raise
                rest = rest[upgrade.args[0] :]
                head = self._head()
                self._parser = self._another()  # After `Connection: close` the old one reads nothing more.
                self._parser.feed_data(head)
            else:
                return

    def ignores_upgrade(self) -> bool:
        """The head that was just read is going to be read once more, without its upgrade."""
        # CONNECT is one without a header, and would be one again.
        return bool(self._parser.should_upgrade()) and self._parser.get_method() != b"CONNECT" and not self._upgrades()


def without_upgrade(line: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head as bytes, for a client that had not offered anything."""
    kept = [
        (name, _without(value) if name == b"connection" else value) for name, value in headers if name != b"upgrade"
    ]
    return b"".join([line, b"\r\n", *(b"%b: %b\r\n" % one for one in kept), b"\r\n"])


def _without(value: bytes) -> bytes:
    return b",".join(token for token in value.split(b",") if token.strip().lower() != b"upgrade")


def offers_too_much(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a handshake, with these headers (names in lower case), has more to be read than any client needs."""
    values = [value for name, value in headers if name in _HANDSHAKE]
    commas = sum(value.count(b",") for value in values)
    return len(values) + commas > HANDSHAKE_VALUES_MAX or sum(map(len, values)) > HANDSHAKE_BYTES_MAX
