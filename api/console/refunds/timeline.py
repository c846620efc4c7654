"""One timeline of everything that is known of a refund: what happened, the calls, webhooks and postings, in order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from api.console import happened
from api.console.books.names import posting
from api.console.findings.words import STATES
from api.console.formats import day, money, plain
from api.console.names import rule
from api.console.page import Data
from api.console.person import PREFIX
from api.console.refunds.bundle import BUNDLED
from api.console.registry import address
from api.console.words import N_, _

_PURPOSES: Final = {
    "REFUND": N_("Sent to the PSE"),
    "LOOK_UP": N_("Asked the PSE"),
    "PAYMENT": N_("Asked the PSE about the payment"),
    "LISTING": N_("Asked the PSE for its list"),
    "REPORT": N_("Fetched the PSE's report"),
    "TOKEN": N_("Fetched a token from the PSE"),
}
SHOWN: Final = {
    "all": N_("Everything"),
    "refund": N_("What happened"),
    "pse": N_("Calls"),
    "webhooks": N_("Webhooks"),
    "books": N_("Books"),
}
_VERDICTS: Final = {"PAID": N_("Yes, it is there"), "NOT_PAID": N_("No, it is not there")}
# How many are shown; the document asks for one more, so that it is known whether there is one.
# Of calls and webhooks the newest are shown; one more is asked for, so that it is known whether there are more.
_MOST: Final = {"calls": 20, "webhooks": 20, "findings": 20}
_EVENTS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened. `said`: more of it, in others' words; `body`: what went over the wire."""

    id: str
    at: str
    what: str  # of SHOWN
    title: str
    by: str = ""
    state: str = ""
    said: str = ""
    code: str = ""
    body: str = ""
    answer: str = ""
    href: str = ""


def timeline(data: Data, shown: str = "all") -> list[Happening]:
    """What happened, oldest first; of one kind, or all."""
    refund = data["refund"]
    found = [*_events(refund), *_calls(refund), *_webhooks(refund), *_postings(refund), *_findings(data), *_tax(data)]
    kept = [one for one in found if shown in ("all", one.what)]
    return sorted(kept, key=lambda one: (one.at.replace("Z", "+00:00"), one.id))


def cut(data: Data) -> list[tuple[str, str, str]]:
    """Of what more has happened than is shown: the sentence, and where the rest is."""
    refund = data["refund"]
    here, told = address("/refunds/{refund}", refund["id"]), []
    if len(refund.get("calls") or ()) > _MOST["calls"]:
        said = _("The newest %(count)s calls are here.") % {"count": _MOST["calls"]}
        told.append((said, f"{here}/bundle", _("The support bundle has up to %(count)s") % {"count": BUNDLED}))
    if len(refund.get("webhooks") or ()) > _MOST["webhooks"]:
        said = _("The newest %(count)s webhooks are here.") % {"count": _MOST["webhooks"]}
        told.append((said, f"{here}/bundle", _("The support bundle has up to %(count)s") % {"count": BUNDLED}))
    if len(_nodes(data, "findings")) > _MOST["findings"]:
        said = _("The newest %(count)s findings are here.") % {"count": _MOST["findings"]}
        query = urlencode({"refund": refund["id"], "state": [*STATES]}, doseq=True)
        told.append((said, f"{PREFIX}/findings?{query}", _("All findings of this refund")))
    if len(refund["events"]) == _EVENTS_MAX:
        said = _("%(count)s events are here.") % {"count": _EVENTS_MAX}
        query = urlencode({"show": "refund", "after": refund["events"][-1]["sequence"]})
        told.append((said, f"{here}?{query}", _("What happened after them")))
    return told


def _nodes(data: Data, name: str) -> list[Mapping[str, Any]]:
    return [edge["node"] for edge in (data.get(name) or {"edges": ()})["edges"]]


def _events(refund: Mapping[str, Any]) -> Iterator[Happening]:
    for one in refund["events"]:
        yield Happening(
            f"event-{one['sequence']:04}",
            one["occurredAt"],
            "refund",
            happened.event(one["kind"]),
            by=happened.who(one["actor"]),
            state=one["status"] if one["status"] != one["previousStatus"] else "",
            said=happened.account(one["message"] or ""),
            code=_(_VERDICTS[one["code"]]) if one["code"] in _VERDICTS else rule(one["code"] or ""),
        )


def said_of_doubt(refund: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The word of one person that waits for another's, newest: who, when, what; None: there is none."""
    for one in reversed(refund["events"]):
        if one["status"] != one["previousStatus"] or one["kind"] == "DOUBT_CONFIRMED":
            return None
        if one["kind"] == "DOUBT_PROPOSED":
            who, what = happened.who(one["actor"]), _(_VERDICTS.get(one["code"], one["code"]))
            return {"who": who, "actor": one["actor"], "at": one["occurredAt"], "what": what, "where": one["message"]}
    return None


def _calls(refund: Mapping[str, Any]) -> Iterator[Happening]:
    for one in (refund.get("calls") or ())[-_MOST["calls"] :]:
        answer = one["answer"]
        title = _(_PURPOSES[one["purpose"]]) if one["purpose"] in _PURPOSES else one["purpose"]
        if one["attempt"]:
            title = _("%(what)s, attempt %(number)s") % {"what": title, "number": one["attempt"]}
        yield Happening(
            f"call-{one['id']}",
            one["sentAt"],
            "pse",
            title,
            said=f"{one['method']} {one['url']}",
            code=_answered(answer),
            body=one["body"],
            answer=answer["body"] if answer else "",
        )


def _answered(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return _("no answer yet")
    if answer["status"] is None:
        return _("no answer: %(error)s") % {"error": answer["error"]}
    return _("%(status)s in %(ms)s ms") % {"status": answer["status"], "ms": answer["durationMs"]}


def _webhooks(refund: Mapping[str, Any]) -> Iterator[Happening]:
    for one in (refund.get("webhooks") or ())[-_MOST["webhooks"] :]:
        times = one["timesReceived"]
        title = _("The PSE told us") if times == 1 else _("The PSE told us, %(times)s times") % {"times": times}
        yield Happening(f"webhook-{one['id']}", one["receivedAt"], "webhooks", title, body=one["body"])


def _postings(refund: Mapping[str, Any]) -> Iterator[Happening]:
    for one in refund.get("ledgerEntries") or ():
        kind, debit, credit = posting(one["kind"], one["debit"], one["credit"])
        title = _("Booked %(amount)s") % {"amount": money(one["amount"])}
        yield Happening(f"posting-{one['id']}", one["bookedAt"], "books", title, said=f"{debit} → {credit}", code=kind)


def _findings(data: Data) -> Iterator[Happening]:
    for one in _nodes(data, "findings")[: _MOST["findings"]]:
        href = address("/findings/{finding}", one["id"])
        title = _("Found: %(what)s") % {"what": one["title"]}
        open_ = one["resolvedAt"] is None
        said = one["advice"] if open_ else ""
        yield Happening(f"finding-{one['id']}", one["createdAt"], "books", title, said=said, href=href)
        if not open_:
            title = _("No longer so: %(what)s") % {"what": one["title"]}
            who, why = one["resolvedBy"] or "", one["resolution"] or ""
            yield Happening(f"resolved-{one['id']}", one["resolvedAt"], "books", title, by=who, said=why, href=href)


def _tax(data: Data) -> Iterator[Happening]:
    for one in _nodes(data, "vatReversals"):
        href = address("/vat/reversals/{reversal}", one["id"])
        title = _("VAT of %(amount)s is to be taken back") % {"amount": money(one["amount"])}
        until = _("By %(day)s") % {"day": plain(day(one["dueOn"]))} if one["dueOn"] else ""
        yield Happening(f"vat-{one['id']}", one["createdAt"], "books", title, said=until, href=href)
        for document in one["taxDocuments"]:
            title = _("Tax document %(number)s") % {"number": document["number"]}
            by = document["importedBy"]
            at = document["createdAt"]
            yield Happening(f"document-{document['id']}", at, "books", title, by=by, code=document["kind"], href=href)
        if one["documentNumber"] and not one["taxDocuments"]:
            title = _("Tax document %(number)s") % {"number": one["documentNumber"]}
            by = one["decidedBy"] or ""
            yield Happening(f"document-{one['id']}", one["updatedAt"], "books", title, by=by, href=href)
