"""What can be done with a refund now, and why not the rest: by its state, and by what the person may.

The API decides when it is done; this only says beforehand what it would say.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.console import names
from api.console.words import N_, _

_ENDED_UNPAID: Final = ("FAILED", "RETURNED", "EXPIRED", "CANCELED", "REJECTED")
_NEVER_SENT: Final = ("AWAITING_DESTINATION", "AWAITING_APPROVAL", "REQUESTED", "MANUAL")
_AT_THE_PSE: Final = ("SUBMITTED", "PENDING", "SUCCEEDED", "FAILED", "RETURNED", "REQUESTED")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. `states`: in which; `otherwise`: why not in the others."""

    name: str
    label: str
    permission: str
    states: Sequence[str]
    otherwise: str


ACTIONS: Final = (
    Action("approve", N_("Approve"), "APPROVE", ("AWAITING_APPROVAL",), N_("It does not wait for approval.")),
    Action("reject", N_("Reject"), "APPROVE", ("AWAITING_APPROVAL",), N_("It does not wait for approval.")),
    Action("refresh", N_("Ask the PSE now"), "REFRESH", _AT_THE_PSE, N_("The PSE does not know it.")),
    Action(
        "resolve_doubt", N_("Resolve the doubt"), "RESOLVE_DOUBT", ("SUBMITTED", "PENDING"), N_("It is not in doubt.")
    ),
    Action(
        "link",
        N_("New link for the customer"),
        "PROVIDE_DESTINATION",
        ("AWAITING_DESTINATION",),
        N_("No account is wanted from the customer."),
    ),
    Action(
        "take_by_hand",
        N_("Pay by hand"),
        "SETTLE_MANUALLY",
        ("REQUESTED",),
        N_("Only what certainly never reached the PSE is paid by hand."),
    ),
    Action("settle", N_("It was paid by hand"), "SETTLE_MANUALLY", ("MANUAL",), N_("It is not paid by hand.")),
    Action("return_to_queue", N_("Do not pay by hand"), "SETTLE_MANUALLY", ("MANUAL",), N_("It is not paid by hand.")),
    Action(
        "retry",
        N_("Try again"),
        "REFUND",
        _ENDED_UNPAID,
        N_("Only what has ended without the money leaving is tried again."),
    ),
    Action("cancel", N_("Cancel"), "REFUND", _NEVER_SENT, N_("It was sent, or has ended: it cannot be taken back.")),
)


def possible(refund: Mapping[str, Any], may: Callable[[str], bool]) -> list[Action]:
    """What the person can do now."""
    return [one for one in ACTIONS if refund["status"] in one.states and may(one.permission)]


def impossible(refund: Mapping[str, Any], may: Callable[[str], bool]) -> list[tuple[str, str]]:
    """What cannot be done, and why: its state, or that it takes somebody else."""
    found = []
    for one in ACTIONS:
        if refund["status"] not in one.states:
            found.append((_(one.label), _(one.otherwise)))
        elif not may(one.permission):
            found.append(
                (
                    _(one.label),
                    _("It takes somebody who may do this: %(what)s.") % {"what": names.permission(one.permission)},
                )
            )
    return found
