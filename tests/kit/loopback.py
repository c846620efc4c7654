"""The sandboxes of tests listen at ports that the system chooses: within a test's own process all of them are open.

The product has nothing like it: an operator names each host and port. Programs that a test starts are told theirs by
the setting.
"""

from domain.addresses import names
from domain.addresses.names import Place


class OfThisMachine(set[Place]):
    """Every port of 127.0.0.1, and what was opened by name."""

    def __contains__(self, place: object) -> bool:
        return (isinstance(place, tuple) and place[0] == "127.0.0.1") or super().__contains__(place)


SERVED: set[str] = set()  # what this process serves now, as the setting names places


def open_this_machine() -> None:
    """For the life of the process."""
    names._opened = OfThisMachine()
