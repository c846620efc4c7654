"""Ports that stay free until their server listens on them."""

import secrets
import socket
from pathlib import Path
from typing import Final

from jobs.machine.children import ChildError

_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST: Final = 10_000  # below are the ports that people choose themselves
_LOWEST_GIVEN_OUT: Final = 32_768  # where the system does not say: Linux' own default
_TRIES: Final = 200


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, and that no outgoing connection will take.

    A port that the kernel chose is one of those it gives to outgoing connections: between its choice and the moment
    a server listens on it, any connection of this machine may have become its owner.
    """
    ports = range(_LOWEST, max(_lowest_given_out(), _LOWEST + 1))
    for _ in range(_TRIES if len(ports) > 1 else 0):
        if _is_free(port := secrets.choice(ports)):
            return port
    with socket.socket() as probe:  # a machine that gives out all of them
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raises ChildError when somebody listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            said = f"Port {port} of {host} cannot be used ({error.strerror}); set ESTORNO_PORT to a free one."
            raise ChildError(said) from None


def _lowest_given_out() -> int:
    try:
        return int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _LOWEST_GIVEN_OUT


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
