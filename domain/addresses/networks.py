"""Which IP addresses are on the public internet. Written out, because Python's own answer has changed between versions.

By the registries of special purpose addresses of IANA. Of IPv6 only what is given out today is believed (2000::/3).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_NOT_V4: Final = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this very machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; metadata of one cloud (100.100.100.200)
        "127.0.0.0/8",
        "168.63.129.16/32",  # metadata of another, at an address that looks public
        "169.254.0.0/16",  # link-local; metadata of most clouds (169.254.169.254)
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GIVEN_OUT: Final = IPv6Network("2000::/3")
_NOT_V6: Final = tuple(
    IPv6Network(one)
    for one in (
        "2001::/23",  # protocols, Teredo among them, which leads to an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4 leads to an IPv4 address
        "3fff::/20",
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # how a network without IPv4 writes the public IPv4 address of a PSE


def is_public(text: str) -> bool:
    """Whether it is an IP address of the public internet; of one that stands for an IPv4 address, whether that is."""
    try:
        known = ip_address(text)
    except ValueError:
        return False
    if isinstance(known, IPv4Address):
        return _is_public_v4(known)
    if known.scope_id is not None:  # a zone: an address of one of our own cables
        return False
    if (inner := _inner(known)) is not None:
        return _is_public_v4(inner)
    return known in _GIVEN_OUT and not any(known in one for one in _NOT_V6)


def _is_public_v4(known: IPv4Address) -> bool:
    return not any(known in one for one in _NOT_V4)


def _inner(known: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(known) & 0xFFFF_FFFF) if known in _NAT64 else known.ipv4_mapped
