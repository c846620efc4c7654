"""Rights to approve that are lent: what is lent now, and lending and taking back."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from api.console import typed
from api.console.formats import way
from api.console.page import Asked, Data, Done, Unsendable
from api.console.words import N_, _

FIELDS: Final = {"toPersonId": "person", "startsAt": "starts", "endsAt": "ends", "delegationId": "delegation"}
_HERE: Final = "/console/todo/lent"


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What can be taken back, and to whom one can lend."""
    lent = [edge["node"] for edge in data["approvalDelegations"]["edges"]]
    now = datetime.now(way.get().clock)
    open_ = [one for one in lent if one["revokedAt"] is None and datetime.fromisoformat(one["endsAt"]) > now]
    return {
        "lent": lent,
        "open_lent": [(one["id"], f"{one['lentBy'].split(' <')[0]} → {one['lentTo'].split(' <')[0]}") for one in open_],
        "people": [(one["personId"], one["name"]) for one in data.get("colleagues") or ()],
    }


def lend_input(asked: Asked) -> Mapping[str, Any]:
    """From the first day's beginning to the last day's end, in UTC. Raises Unsendable."""
    person = asked.given("person")
    if person is None:
        raise Unsendable("person", N_("Say to whom."))
    starts = typed.day("starts", asked.given("starts") or "")
    ends = typed.day("ends", asked.given("ends") or "")
    last = datetime.combine(datetime.fromisoformat(ends).date() + timedelta(days=1), time.min)
    return {"toPersonId": person, "startsAt": f"{starts}T00:00:00Z", "endsAt": f"{last.isoformat()}Z"}


def lent(asked: Asked, payload: Data) -> Done:
    """Back to what is lent."""
    return Done(_HERE, _("Your right is lent. What is approved under it stands under both names."))


def take_back_input(asked: Asked) -> Mapping[str, Any]:
    """The mutation's. Raises Unsendable."""
    chosen = asked.given("delegation")
    if chosen is None:
        raise Unsendable("delegation", N_("Say which."))
    return {"delegationId": chosen}


def taken_back(asked: Asked, payload: Data) -> Done:
    """Back to what is lent."""
    return Done(_HERE, _("It is taken back."))
