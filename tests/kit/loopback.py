"""The sandboxes of tests listen at ports that the system chooses: within a test's own process all of them are open.

The product has nothing like it: an operator names each host and port. Programs that a test starts are told theirs by
the setting.
"""

from domain.addresses import names
from domain.addresses.names import HostAndPort, Opening


class _Any(Opening):
    """Every port of 127.0.0.1."""

    __slots__ = ()

    def admits(self, scheme: str, place: HostAndPort, merchant_id: object) -> bool:
        return place[0] == "127.0.0.1"


SERVED: set[str] = set()  # what this process serves now, as the setting names places


def open_this_machine() -> None:
    """For the life of the process."""
    names._opened = {_Any(("127.0.0.1", 0))}
