"""The way in, as somebody sees it who has to go it: what is done, what is next, and whose turn it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from api.console.connections.said import STATES
from api.console.formats import moment, plain
from api.console.words import N_, _

_REVIEWED: Final = ("SANDBOX", "CERTIFIED", "ACTIVE", "SUSPENDED")
_CERTIFIED: Final = ("CERTIFIED", "ACTIVE", "SUSPENDED")
_CERTIFIABLE: Final = ("SANDBOX", "CERTIFIED")
_PREFLIGHT: Final = 2  # which of the stages
_PASSED: Final = ("PASSED", "UNKNOWN", "NOT_ASKABLE")


@dataclass(frozen=True, slots=True)
class WayIn:
    """One stage of the way in: done, now or later; `said` of one that was gone and holds no longer."""

    label: str
    tone: str
    said: str = ""

    @property
    def mark(self) -> str:
        """Its sign: done, now, later; bad."""
        return {"ok": "●", "doubt": "◐", "wait": "○", "bad": "✕"}[self.tone]

    @property
    def word(self) -> str:
        """The sign in words, for who does not see it."""
        return self.said or {"ok": _("done"), "doubt": _("now"), "wait": _("later")}[self.tone]


def way_in(one: Mapping[str, Any], preflight: Mapping[str, Any] | None) -> list[WayIn]:
    """The six stages; the first that is not done is now."""
    state = one["state"]
    looked = preflight is not None and preflight["outcome"] in _PASSED
    stages = (
        (N_("Keys of the account"), True),
        (N_("Documents"), state != "DRAFT" or not one["missingDocuments"]),
        (N_("Preflight"), looked or state in _CERTIFIED),
        (N_("Review by another person"), state in _REVIEWED),
        (N_("Certification"), state in _CERTIFIED),
        (N_("Live"), state == "ACTIVE"),
    )
    now = next((number for number, (_label, done) in enumerate(stages) if not done), len(stages))
    found = [
        WayIn(_(label), "ok" if done else "doubt" if number == now else "wait")
        for number, (label, done) in enumerate(stages)
    ]
    if failed_since(one, preflight):
        found[_PREFLIGHT] = WayIn(_(stages[_PREFLIGHT][0]), "bad", _("failed; it was certified before"))
    return found


def failed_since(one: Mapping[str, Any], preflight: Mapping[str, Any] | None) -> bool:
    """Whether it was certified, and the newest preflight has failed all the same."""
    return one["state"] in _CERTIFIED and preflight is not None and preflight["outcome"] == "FAILED"


def sentence(one: Mapping[str, Any], preflight: Mapping[str, Any] | None, possible: Sequence[str]) -> str:
    """What it means and what comes next. `possible`: what who reads may do."""
    found = _stands(one, possible)
    if failed_since(one, preflight):
        found += " " + _("Its last preflight has failed: see below what to mend, then ask the PSE again.")
    return found


def _stands(one: Mapping[str, Any], possible: Sequence[str]) -> str:
    said = {
        "DRAFT": _("Hand in what is missing, then submit it; another person looks at it."),
        "SUBMITTED": _("It waits for another person than who submitted it to begin the review."),
        "UNDER_REVIEW": _("Somebody reviews it; then it is certified, or more is asked for."),
        "SANDBOX": _("Its documents are in order. Certify it in the PSE's test environment."),
        "CERTIFIED": _("It has passed. Let it go live if its keys are the live ones; who gives it others does not.")
        if "activate" in possible
        else _(
            "It has passed. Give it the live keys, if it has not got them; then somebody who gave it none and "
            "handed in no document lets it go live."
        ),
        "ACTIVE": _("It is live: refunds of its payments move money."),
        "SUSPENDED": _("Nothing is sent to the PSE; its refunds wait until it goes on."),
        "REJECTED": _("It was refused. Make it a draft again when what was wrong has been mended."),
    }
    return said.get(str(one["state"]), _(STATES["DRAFT"].word))


def resting(one: Mapping[str, Any]) -> str:
    """Why nothing is sent for a while, and until when; empty: it is."""
    until, since = one["connection"]["restingUntil"], one["connection"]["failingSince"]
    if one["state"] != "ACTIVE" or until is None:
        return ""
    if datetime.fromisoformat(until) <= datetime.now(UTC):
        return (
            _("It answered nothing since %(since)s; the next call tries it.") % {"since": plain(moment(since))}
            if since
            else ""
        )
    if since is None:
        return _("It asked to be left alone until %(until)s.") % {"until": plain(moment(until))}
    told = {"since": plain(moment(since)), "until": plain(moment(until))}
    return _("It answers nothing since %(since)s; it is tried again at %(until)s.") % told


def submitted_by_reader(one: Mapping[str, Any], holder: str) -> bool:
    """Whether who reads is who submitted it last: they do not review it."""
    found = next((step["actor"] for step in one["steps"] if step["toState"] == "SUBMITTED"), None)
    return found == holder


def possible(one: Mapping[str, Any], may: Callable[[str], bool]) -> list[str]:
    """The forms that can be sent now."""
    state, manages, reviews = one["state"], may("MANAGE_CONNECTIONS"), may("REVIEW_CONNECTIONS") and not one["isYours"]
    can = {
        "document": state == "DRAFT" and manages,
        "submit": state == "DRAFT" and not one["missingDocuments"] and manages,
        "reopen": state in ("SUBMITTED", "REJECTED") and manages,
        "start": state == "SUBMITTED" and reviews,
        "decide": state == "UNDER_REVIEW" and reviews,
        "certify": state in _CERTIFIABLE and manages,
        "activate": (state == "CERTIFIED" and reviews) or (state == "SUSPENDED" and manages),
        "suspend": state == "ACTIVE" and manages,
        "preflight": manages,
    }
    return [name for name, yes in can.items() if yes]


def _not_reviewed(one: Mapping[str, Any], may: Callable[[str], bool], holder: str) -> Sequence[str]:
    """Why who reads does not review it; empty: they do."""
    if not may("REVIEW_CONNECTIONS"):
        return [_("Review and go live: needs somebody who has REVIEW_CONNECTIONS.")]
    if submitted_by_reader(one, holder):
        return [_("Review and go live: needs somebody else than you, for you submitted it.")]
    if not one["isYours"]:
        return []
    return [
        _(
            "Review and go live: needs somebody else. You typed its keys or handed in a document, or the link by which "
            "you signed in was made by somebody who did, or theirs by you. Sign in with your company account, or have "
            "the operator make the link (estorno sign-in link)."
        )
    ]


def impossible(one: Mapping[str, Any], may: Callable[[str], bool], holder: str) -> Sequence[str]:
    """What would come next and is not for who reads, and why."""
    state, found = one["state"], []
    if state == "DRAFT" and one["missingDocuments"]:
        found.append(_("Submit: documents are missing."))
    if state in ("SUBMITTED", "UNDER_REVIEW", "CERTIFIED"):
        found += _not_reviewed(one, may, holder)
    if state in ("SUBMITTED", "REJECTED") and may("MANAGE_CONNECTIONS"):
        found.append(_("Replace the keys: make it a draft again first."))
    if state == "UNDER_REVIEW" and may("MANAGE_CONNECTIONS"):
        found.append(_("Replace the keys: when it has been reviewed."))
    if not may("MANAGE_CONNECTIONS"):
        found.append(_("Keys, documents, preflight and certification: needs somebody who has MANAGE_CONNECTIONS."))
    return found
