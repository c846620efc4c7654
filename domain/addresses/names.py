"""What an address says of itself: https, a name of the public DNS, port 443, and nothing else.

One strict pattern reads it, so that no two parsers can disagree about where the host ends. What the operator has opened
(`open_places`, from the setting) is exempt by its exact host and port: there is no pattern and no wildcard.
"""

import re
from collections.abc import Iterable
from typing import Final

from domain.addresses.networks import is_public

Place = tuple[str, int]  # host in lower case, port
HTTPS_PORT: Final = 443
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
_opened: set[Place] = set()


class AddressRefused(Exception):
    """Nothing is sent there. The message says why, for whoever typed it, and tells nothing of our own network."""


def open_places(texts: Iterable[str]) -> None:
    """Let this process reach these (`host:port`) as well, whatever they resolve to, by http too: the operator's word.

    Raises ValueError for what is no host and port.
    """
    _opened.update(place_named(text) for text in texts)


def place_named(text: str) -> Place:
    """The place of `host:port` or `[IPv6]:port`. Raises ValueError."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or not found[2] or not 0 < int(found[2]) < 65536:
        raise ValueError("a host and its port, such as pse.example.internal:8443; no wildcard")
    return found[1].lower().strip("[]"), int(found[2])


def is_open(host: str, port: int) -> bool:
    """Whether the operator has opened this place."""
    return (host.lower(), port) in _opened


def place_of(url: str) -> tuple[str, Place]:
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


def check(url: str) -> None:
    """Whether something may be sent to this address, as far as it tells by itself. Raises AddressRefused."""
    scheme, (host, port) = place_of(url)
    check_place(scheme, host, port)


def check_place(scheme: str, host: str, port: int) -> None:
    """The same, of an address that was taken apart. Raises AddressRefused."""
    if is_open(host, port):
        return
    if scheme != "https":
        raise AddressRefused("It is no https address.")
    if port != HTTPS_PORT:
        raise AddressRefused(f"Port {port} is not of https (443); {_ONLY_THE_OPERATOR}")
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
