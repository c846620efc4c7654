"""The pages of news: alerts and who has them, the channels they go to, what was delivered, the rules."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.console.formats import way
from api.console.news import names
from api.console.page import Asked, Data, Done, Nav, Page, Post
from api.console.typed import number
from api.console.words import N_, _
from domain.access.permissions import Permission

_LIST: Final = "/news"
_CHANNELS: Final = f"{_LIST}/channels"
_RULES: Final = f"{_LIST}/rules"
_HOURS_MAX: Final = 167


def _listed(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after"), "filter": None if asked.text("show") == "all" else {"open": True}}


def _words(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {
        "SEVERITIES": names.SEVERITIES,
        "ENDPOINTS": names.ENDPOINTS,
        "DELIVERIES": names.DELIVERIES,
        "CHANNELS": names.CHANNELS,
        "KINDS": names.KINDS,
        "MODES": names.MODES,
        "NOTICES": names.NOTICES,
    }


def _one(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["alert"]}


def _alert_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    edges = data.get("endpoints", {"edges": []})["edges"]
    return {**_words(asked, data), "named": {edge["node"]["id"]: edge["node"]["name"] for edge in edges}}


def _alert_input(asked: Asked) -> Mapping[str, Any]:
    return {"alertId": asked.path["alert"]}


def _taken(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}/alerts/{asked.path['alert']}", _("You have it: nobody is reminded any more."))


def _snooze_input(asked: Asked) -> Mapping[str, Any]:
    hours = number("hours", asked.given("hours") or "", 1, _HOURS_MAX)
    until = datetime.now(UTC) + timedelta(hours=hours)
    return {"alertId": asked.path["alert"], "until": until.isoformat(timespec="seconds")}


def _snoozed(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}/alerts/{asked.path['alert']}", _("Nothing is said of it until then."))


def _page(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _channel(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["channel"]}


def _channel_input(asked: Asked) -> Mapping[str, Any]:
    return {"endpointId": asked.path["channel"]}


def _back(said: str) -> Any:
    def done(asked: Asked, payload: Data) -> Done:
        return Done(f"/console{_CHANNELS}/{asked.path['channel']}", _(said))

    return done


def _deleted(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_CHANNELS}", _("It is deleted, and its address with it."))


def _new_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {
        "kinds": [(name, _(word)) for name, word in names.CHANNELS.items()],
        "spoken": list(names.LANGUAGES.items()),
        "reads": way.get().language,
    }


def _new_input(asked: Asked) -> Mapping[str, Any]:
    kind = asked.given("kind") or "EMAIL"
    options = {"keyword": asked.given("keyword"), "mentions": asked.given("mentions")}
    if kind != "WEBHOOK":  # programs read no language
        options["language"] = asked.given("language")
    return {
        "kind": kind,
        "name": asked.given("name") or "",
        "url": asked.given("url") or "",
        "secret": asked.given("secret"),
        "types": asked.all_given("types") if kind == "WEBHOOK" else [],
        "options": [{"name": name, "value": value} for name, value in options.items() if value],
    }


def _made(asked: Asked, payload: Data) -> Done:
    where = f"/console{_CHANNELS}/{payload['endpoint']['id']}"
    if payload["secret"]:
        return Done(where, show="news/made")
    return Done(where, _("It is made: send a test."))


def _channel_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    spoken = [("", _("as it is")), *names.LANGUAGES.items()]
    return {**_words(asked, data), "SIGNS": names.SIGNS, "CALLS": names.CALLS, "WORDS": names.WORDS, "spoken": spoken}


def _change_input(asked: Asked) -> Mapping[str, Any]:
    """What is left empty stays; a tick takes a keyword or the mentions away."""
    options = {name: asked.given(name) or "" for name in ("language", "keyword", "mentions") if asked.given(name)}
    gone = {"keyword": "noKeyword", "mentions": "noMentions"}
    options |= {name: "" for name, tick in gone.items() if asked.given(tick) == "yes"}
    told = [{"name": name, "value": value} for name, value in options.items()]
    given = {"name": asked.given("name"), "url": asked.given("url"), "rejoin": asked.given("rejoin") == "yes"}
    return {**_channel_input(asked), **given, "options": told}


def _secret_input(asked: Asked) -> Mapping[str, Any]:
    """Of a webhook a new one is made; a robot's is given, and none at all where the tick says that it signs no more."""
    given = "" if asked.given("unsigned") == "yes" else asked.given("secret")
    return {**_channel_input(asked), "secret": given, "hours": 24 if asked.given("overlap") == "yes" else 0}


def _changed(asked: Asked, payload: Data) -> Done:
    where = f"/console{_CHANNELS}/{asked.path['channel']}"
    return Done(where, show="news/made") if payload["secret"] else Done(where, _("It is changed: send a test."))


def _rules_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    edges = data.get("endpoints", {"edges": []})["edges"]
    people = [(edge["node"]["id"], edge["node"]["name"]) for edge in edges if edge["node"]["kind"] != "WEBHOOK"]
    return {
        **_words(asked, data),
        "people": people,
        "named": dict(people),
        "kinds": [(name, _(word)) for name, word in names.KINDS.items()],
        "modes": [(name, _(word)) for name, word in names.MODES.items()],
        "severities": [(name, _(sign.word)) for name, sign in names.SEVERITIES.items()],
        "chosen": asked.text("kind") or "REFUND_STUCK",
    }


def _rule_input(asked: Asked) -> Mapping[str, Any]:
    return {
        "kind": asked.given("kind"),
        "mode": asked.given("mode"),
        "severity": asked.given("severity"),
        "endpointIds": asked.all_given("endpoint"),
        "quietFrom": asked.given("quietFrom"),
        "quietUntil": asked.given("quietUntil"),
    }


def _ruled(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_RULES}", _("The rule holds from now on."))


def _rule_ended(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_RULES}", _("Your rule has ended; the usual one holds."))


PAGES: Final = (
    Page(
        _LIST,
        "news/list",
        N_("News"),
        _listed,
        _words,
        nav=Nav(130, N_("News"), Permission.READ, group=1),
        statements=20,
    ),
    Page(
        f"{_LIST}/alerts/{{alert}}",
        "news/one",
        N_("Alert"),
        _one,
        _alert_view,
        found="alert",
        section=_LIST,
        posts={
            "acknowledge": Post("news/acknowledge", _alert_input, _taken),
            "snooze": Post("news/snooze", _snooze_input, _snoozed, fields={"until": "hours"}),
        },
        statements=25,
    ),
    Page(_CHANNELS, "news/channels", N_("Channels"), _page, _words, section=_LIST, statements=20),
    Page(
        f"{_CHANNELS}/new",
        "news/new",
        N_("New channel"),
        view=_new_view,
        section=_LIST,
        posts={"create": Post("news/create", _new_input, _made, fields={"options": "keyword"})},
    ),
    Page(
        f"{_CHANNELS}/{{channel}}",
        "news/channel",
        N_("Channel"),
        _channel,
        _channel_view,
        found="endpoint",
        section=_LIST,
        posts={
            "change": Post("news/change", _change_input, _changed, fields={"options": "keyword"}),
            "secret": Post("news/secret", _secret_input, _changed),
            "test": Post("news/test", _channel_input, _back(N_("A test is on its way."))),
            "pause": Post(
                "news/pause",
                lambda asked: {**_channel_input(asked), "why": asked.given("why") or ""},
                _back(N_("Nothing is sent there until somebody resumes it.")),
            ),
            "resume": Post(
                "news/resume",
                lambda asked: {**_channel_input(asked), "missed": asked.given("missed") == "yes"},
                _back(N_("It is told news again.")),
            ),
            "replay": Post(
                "news/replay",
                lambda asked: {**_channel_input(asked), "messageIds": [asked.given("message") or ""]},
                _back(N_("It is sent again.")),
            ),
            "delete": Post("news/delete", _channel_input, _deleted),
        },
        statements=25,
    ),
    Page(
        _RULES,
        "news/rules",
        N_("Rules of alerts"),
        view=_rules_view,
        section=_LIST,
        posts={
            "rule": Post("news/rule", _rule_input, _ruled, fields={"endpointIds": "endpoint"}),
            "end": Post("news/rule_end", lambda asked: {"name": asked.given("name") or ""}, _rule_ended),
        },
        statements=25,
    ),
)
