"""The pages of tokens: what programs call the API with, made, replaced and ended; a secret is shown once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from api.console import granting
from api.console.page import Asked, Data, Done, Page, Post
from api.console.typed import number
from api.console.words import N_, _

_LIST: Final = "/tokens"
_SECTION: Final = "/settings"
_DAYS_MAX: Final = 366
_OVERLAP_MAX: Final = 744


def _listed(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _with_states(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"lives": _lives}


def _lives(token: Mapping[str, Any]) -> bool:
    until = datetime.fromisoformat(token["expiresAt"].replace("Z", "+00:00"))
    return not token["revokedAt"] and until > datetime.now(UTC)


def _id(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["token"]}


def _to_make(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"given": granting.rows([]), "roles": granting.options(data["roles"])}


def _days(asked: Asked) -> int:
    return number("days", asked.given("days") or "", 1, _DAYS_MAX)


def _made_input(asked: Asked) -> Mapping[str, Any]:
    return {
        "name": asked.given("name") or "",
        "days": _days(asked),
        "grants": granting.given(asked),
        "idempotencyKey": asked.given("key"),
    }


def _rotated_input(asked: Asked) -> Mapping[str, Any]:
    return {
        "tokenId": asked.path["token"],
        "days": _days(asked),
        "overlapHours": number("overlapHours", asked.given("overlapHours") or "", 0, _OVERLAP_MAX),
        "idempotencyKey": asked.given("key"),
    }


def _shown_once(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}", show="tokens/made")


def _revoked(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}", _("The token has ended."))


PAGES: Final = (
    Page(_LIST, "tokens/list", N_("Tokens of programs"), _listed, _with_states, section=_SECTION, statements=20),
    Page(
        f"{_LIST}/new",
        "tokens/new",
        N_("New token"),
        view=_to_make,
        section=_SECTION,
        posts={"create": Post("tokens/create", _made_input, _shown_once, fields={"grants": "role0"})},
    ),
    Page(
        f"{_LIST}/{{token}}",
        "tokens/one",
        N_("Token"),
        _id,
        _with_states,
        found="token",
        section=_SECTION,
        posts={
            "rotate": Post("tokens/rotate", _rotated_input, _shown_once),
            "revoke": Post("tokens/revoke", lambda asked: {"tokenId": asked.path["token"]}, _revoked),
        },
    ),
)
