"""How it goes, as pictures: each is one question, and its title the answer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from markupsafe import Markup

from api.console import names
from api.console.formats import duration, number, percent
from api.console.page import Data
from api.console.pictures import Series, picture
from api.console.words import N_, _

_AGES: Final = (N_("up to a day"), N_("2 to 7 days"), N_("8 to 30 days"), N_("longer"))  # as findingFigures has them


def pictured(data: Data) -> Sequence[Markup]:
    """Those that have something to show."""
    ways = data["refundFigures"]["ways"]
    found = [_states(data["refundFigures"]), _rates(ways), _times(ways), _ages(data)]
    return [one for one in found if one is not None]


def _states(told: Mapping[str, Any]) -> Markup | None:
    counts = {one["status"]: one["count"] for one in told["states"]}
    if not counts:
        return None
    total, arrived = sum(counts.values()), counts.get("SUCCEEDED", 0)
    title = _("%(arrived)s of %(total)s refunds of 30 days have succeeded") % {
        "arrived": number(arrived),
        "total": number(total) + ("+" if told["isMore"] else ""),
    }
    ordered = [name for name in names.STATES if name in counts]
    labels = [_(names.STATES[name].word) for name in ordered]
    return picture(title, labels, [Series(_("Refunds"), [counts[name] for name in ordered])], number, "lying")


def _way(one: Mapping[str, Any]) -> str:
    method, pse = names.method(one["method"]), names.pse(one["pse"])
    return method if method == pse else f"{method} · {pse}"


def _rates(ways: Sequence[Mapping[str, Any]]) -> Markup | None:
    ended = [one for one in ways if one["succeeded"] + one["failed"]]
    if not ended:
        return None
    # As exact as they are written: a picture that would look the same is the same.
    shares = [round(one["succeeded"] / (one["succeeded"] + one["failed"]), 3) for one in ended]
    won = sum(one["succeeded"] for one in ended)
    share = Decimal(won) / sum(one["succeeded"] + one["failed"] for one in ended)
    title = _("%(share)s of finished refunds were paid, counting those that came back later") % {
        "share": percent(share)
    }
    return picture(title, [_way(one) for one in ended], [Series(_("Success"), shares)], _share, "lying", most=1)


def _share(value: float) -> str:
    return percent(str(value))


def _times(ways: Sequence[Mapping[str, Any]]) -> Markup | None:
    timed = sorted((one for one in ways if one["secondsP50"] is not None), key=lambda one: int(one["secondsP50"]))
    if not timed:
        return None
    first, last = timed[0], timed[-1]
    values = {"way": _way(first), "time": duration(first["secondsP50"])}
    title = _("%(way)s succeeds in %(time)s at the median") % values
    if last is not first:
        values |= {"slow": _way(last), "long": duration(last["secondsP50"])}
        title = _("%(way)s succeeds in %(time)s at the median, %(slow)s in %(long)s") % values
    labels = [f"{_way(one)}, {share}" for one in timed for share in (_("half within"), _("9 of 10 within"))]
    seconds = [one[name] for one in timed for name in ("secondsP50", "secondsP90")]
    return picture(title, labels, [Series(_("Time"), seconds)], duration, "lying")


def _ages(data: Data) -> Markup | None:
    told = data.get("findingFigures")
    if told is None:
        return None
    counts = [one["count"] for one in told["ages"]]
    if not sum(counts):
        return None
    title = _("%(old)s of %(total)s open findings are older than a week") % {
        "old": _counted(sum(counts[2:]), told["ages"][2:]),
        "total": _counted(sum(counts), told["ages"]),
    }
    return picture(title, [_(word) for word in _AGES], [Series(_("Findings"), counts)], number, "lying")


def _counted(count: int, ages: Sequence[Mapping[str, Any]]) -> str:
    return number(count) + ("+" if any(one["isMore"] for one in ages) else "")
