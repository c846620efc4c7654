"""What an address says of itself: https, a name of the public DNS, port 443, and nothing else.

One strict pattern reads it, so that no two parsers can disagree about where the host ends. What the operator has opened
(`open_places`, from the setting) is exempt by its exact host and port, to one merchant or to all, by http where it says
so: there is no pattern and no wildcard.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.addresses.networks import is_public

HostAndPort = tuple[str, int]  # host in lower case, port
HTTPS_PORT: Final = 443
SFTP_PORT: Final = 22
_NAME_MAX: Final = 253
_PORTS: Final = {"https": HTTPS_PORT, "http": 80}
_URL: Final = re.compile(r"(https?)://([^/?#\\@]*@)?([^/?#\\@]*)(?:[/?][^#\\]*)?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # the last label of what is read as an IPv4 address
# Never of the public DNS (RFC 6761, RFC 6762, RFC 8375, ICANN): what a name resolved to is looked at all the same.
_INSIDE: Final = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "svc"}
)
_OPENING: Final = re.compile(
    r"(?:(https?)://)?([^/=@]+)(?:=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))?", re.IGNORECASE
)
_LOOPBACK: Final = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")


@dataclass(frozen=True, slots=True)
class Opening:
    """A place that the operator has opened. `scheme`: the one it may be spoken in (None: https, and http on this
    machine). `merchant_id`: whose connections may reach it (None: everybody's)."""

    place: HostAndPort
    scheme: str | None = None
    merchant_id: UUID | None = None

    def admits(self, scheme: str, place: HostAndPort, merchant_id: UUID | None) -> bool:
        """Whether it opens this place to this merchant (None: to somebody who is not known)."""
        schemes = (self.scheme,) if self.scheme else ("https", "http") if _is_loopback(place[0]) else ("https",)
        return place == self.place and scheme in schemes and self.merchant_id in (None, merchant_id)


_opened: set[Opening] = set()


class AddressRefused(Exception):
    """Nothing is sent there. The message says why, for whoever typed it, and tells nothing of our own network."""


def open_places(texts: Iterable[str]) -> None:
    """Let this process reach these as well, whatever they resolve to: the operator's word, as `opening_named` reads it.

    Raises ValueError for what cannot be read.
    """
    _opened.update(opening_named(text) for text in texts)


def opening_named(text: str) -> Opening:
    """Of `host:port` or `[IPv6]:port`; before it may stand `http://` or `https://`, behind it `=` and a merchant's ID.

    Raises ValueError.
    """
    whole = _OPENING.fullmatch(text)
    found = _AUTHORITY.fullmatch(whole[2]) if whole else None
    if whole is None or found is None or not found[2] or not 0 < int(found[2]) < 65536:
        raise ValueError(
            "a host and its port, such as pse.example.internal:8443, with http:// before it if it is spoken to without "
            "TLS, and =<a merchant's ID> behind it if it is opened to that one; no wildcard"
        )
    scheme = whole[1].lower() if whole[1] else None
    return Opening((found[1].lower().strip("[]"), int(found[2])), scheme, UUID(whole[3]) if whole[3] else None)


def is_open(host: str, port: int, merchant_id: UUID | None = None) -> bool:
    """Whether the operator has opened this place to the merchant, in whatever scheme."""
    return any(_is_opened(scheme, host, port, merchant_id) for scheme in _PORTS)


def _is_opened(scheme: str, host: str, port: int, merchant_id: UUID | None) -> bool:
    return any(one.admits(scheme, (host.lower(), port), merchant_id) for one in _opened)


def _is_loopback(host: str) -> bool:
    return _LOOPBACK.fullmatch(host) is not None


def place_of(url: str) -> tuple[str, HostAndPort]:
    """Its scheme, and its host and port. Raises AddressRefused for what is no plain address of a web server."""
    if not _PRINTABLE.fullmatch(url):
        raise AddressRefused(
            "It has a space, or a character that is not of ASCII; write a name as in the PSE's papers."
        )
    found = _URL.fullmatch(url)
    if found is None:
        raise AddressRefused("It is no https address such as https://api.example.com/v1.")
    if found[2] is not None:
        raise AddressRefused("It has a user in it (what stands before @); give an https address without one.")
    authority = _AUTHORITY.fullmatch(found[3])
    if authority is None:
        raise AddressRefused("Its host or port cannot be read; give an https address such as https://api.example.com.")
    scheme = found[1].lower()
    return scheme, (authority[1].lower().strip("[]"), int(authority[2]) if authority[2] else port_of(scheme))


def port_of(scheme: str) -> int:
    """Where servers of this scheme listen; 0: of one that is none of the web's."""
    return _PORTS.get(scheme, 0)


def check(url: str, merchant_id: UUID | None = None) -> None:
    """Whether something may be sent to this address for the merchant, as far as it tells by itself.

    Raises AddressRefused.
    """
    scheme, (host, port) = place_of(url)
    check_place(scheme, host, port, merchant_id)


def check_place(scheme: str, host: str, port: int, merchant_id: UUID | None = None) -> None:
    """The same, of an address that was taken apart. Raises AddressRefused."""
    if _is_opened(scheme, host, port, merchant_id):
        return
    if scheme != "https":
        raise AddressRefused(f"It is no https address; {_ONLY_THE_OPERATOR}")
    if port != HTTPS_PORT:
        raise AddressRefused(f"Port {port} is not of https (443); {_ONLY_THE_OPERATOR}")
    check_name(host)


def check_sftp(host: str, port: int, merchant_id: UUID | None = None) -> None:
    """The same, of a server that is spoken to by SFTP: port 22 of a name of the public DNS, or what the operator has
    opened. Raises AddressRefused."""
    if is_open(host, port, merchant_id):
        return
    if port != SFTP_PORT:
        raise AddressRefused(f"Port {port} is not of SFTP (22); {_ONLY_THE_OPERATOR}")
    check_name(host)


def check_name(host: str) -> None:
    """Whether a host is a name of the public DNS. Raises AddressRefused."""
    labels = host.lower().split(".")
    if ":" in host or "%" in host or _NUMBER.fullmatch(labels[-1]):
        raise AddressRefused("Its host is a number and no name; give the https address with its name.")
    if len(host) > _NAME_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("Its host is no name of the DNS; give an https address such as https://api.example.com.")
    if len(labels) == 1 or labels[-1] in _INSIDE:
        raise AddressRefused(f"Its host is a name inside of a network; {_ONLY_THE_OPERATOR}")
    if any(label.startswith("xn--") for label in labels):
        raise AddressRefused("Its name has letters that are not of ASCII (xn--), which can look like others.")


def check_resolved(addresses: Iterable[str]) -> None:
    """Whether all that a name resolved to is public: one bad one spoils them all. Raises AddressRefused."""
    if not all(is_public(one) for one in addresses):
        raise AddressRefused(f"Its name leads to an address that is not of the public internet; {_ONLY_THE_OPERATOR}")


_ONLY_THE_OPERATOR: Final = "the operator can open one host and port (ESTORNO_PRIVATE_HOSTS)."
