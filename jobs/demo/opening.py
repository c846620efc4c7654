"""Before the day: an empty database gets its merchant, its people, stores and an account at a PSE, as anybody's would.

`estorno init` and `estorno token create` are the machine's own; everything else goes through the public API.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from domain.access import first_merchant, giver, sessions
from domain.access.merchants import NewMerchant
from domain.access.tokens import Role, create_token
from domain.models import Merchant
from domain.models.applications import DocumentKind
from jobs.demo.client import Client, DemoError

KEYS: Final = ("sp@loja.example", "rj@loja.example")
ADMINISTRATOR: Final = "ana@loja.example"
_STORES: Final = (("sp", "São Paulo"), ("rj", "Rio de Janeiro"))
_TOKEN_LIFETIME: Final = timedelta(hours=24)
_LOOKS_MAX: Final = 120
_DOCUMENT: Final = b"%PDF-1.7 a document of the demo"
ERRORS: Final = "errors { ... on Error { code message } }"
_STORE: Final = (
    "mutation Store($input: StoreCreateInput!) { storeCreate(input: $input) { store { code } " + ERRORS + " } }"
)
_STEP: Final = "mutation Step($input: {type}!) {{ {name}(input: $input) {{ application {{ id state }} {errors} }} }}"
_PREFLIGHT: Final = (
    "mutation Preflight($input: ConnectionPreflightInput!) { connectionPreflight(input: $input) { run { id } "
    + ERRORS
    + " } }"
)
_RUN: Final = "query Run($id: ID!) { node(id: $id) { ... on PreflightRun { outcome checks { code outcome saw } } } }"
_ANNOUNCE: Final = (
    "mutation Announce($input: FileAnnounceInput!) { fileAnnounce(input: $input) { file { id } uploadPath "
    + ERRORS
    + " } }"
)


@dataclass(slots=True)
class Opened:
    """What is there when the day begins, and what was promised of it: whether it holds, in words."""

    merchant: Merchant
    connection_id: UUID
    hook: str
    tokens: Mapping[Role, str]
    promises: list[tuple[bool, str]] = field(default_factory=list)


async def open_shop(http: httpx.AsyncClient, api_url: str, websocket_url: str, sandbox_url: str) -> Opened:
    """Begin, connect the Pix account with a wrong key, see the preflight say so, mend it, and have it reviewed."""
    begun = await first_merchant.begin(
        NewMerchant("Loja Demonstração", "BR", "America/Sao_Paulo"), "Ana Souza", ADMINISTRATOR
    )
    signed_in = await sessions.by_link(begun.link.secret, _TOKEN_LIFETIME.total_seconds())
    assert signed_in is not None, "The link of the first administrator signs them in."
    with giver.giving(signed_in.secret):
        tokens = {
            role: await create_token(begun.merchant.id, role, f"demo {role.lower()}", _TOKEN_LIFETIME) for role in Role
        }
        reviewer = await create_token(begun.merchant.id, Role.ADMIN, "demo reviewer", _TOKEN_LIFETIME)
    ana = Client(http, f"{api_url}/graphql", websocket_url, tokens[Role.ADMIN])
    rui = Client(http, f"{api_url}/graphql", websocket_url, reviewer)
    for (code, name), key in zip(_STORES, KEYS, strict=True):
        await answer_of(ana, _STORE, "storeCreate", code=code, name=name, payeeKey=key, idempotencyKey=str(uuid4()))
    hook = secrets.token_urlsafe(24)
    keys = {"client_secret": "mistyped", "webhook_secret": hook}
    place = {
        "client_id": "estorno",
        "base_url": f"{sandbox_url}/pix/v2",
        "token_url": f"{sandbox_url}/oauth/token",
    }
    made = await _step(
        ana,
        "connectionCreate",
        "ConnectionCreateInput",
        pse="pix",
        name="pix-sandbox",
        storeCode="sp",
        fields=_fields({**place, **keys}),
        idempotencyKey=str(uuid4()),
    )
    opened = Opened(begun.merchant, UUID(made["id"]), hook, tokens)
    await _mend(ana, opened, {**keys, "client_secret": "sandbox-secret"})
    await _review(http, api_url, ana, rui, opened)
    return opened


def _fields(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


async def _mend(ana: Client, opened: Opened, keys: Mapping[str, str]) -> None:
    connection = str(opened.connection_id)
    before = await _preflight(ana, connection)
    opened.promises.append(
        (before["CREDENTIALS"]["outcome"] == "FAILED", f"a mistyped key is found: {before['CREDENTIALS']['saw']}")
    )
    given = {"connectionId": connection, "fields": _fields(keys)}
    await _step(ana, "connectionSecretsReplace", "ConnectionSecretsInput", **given)
    after = await _preflight(ana, connection)
    opened.promises.append(
        (after["CREDENTIALS"]["outcome"] == "PASSED", f"mended, the preflight says: {after['CREDENTIALS']['saw']}")
    )


async def _preflight(ana: Client, connection: str) -> dict[str, Any]:
    asked = await answer_of(ana, _PREFLIGHT, "connectionPreflight", connectionId=connection)
    for _ in range(_LOOKS_MAX):
        run = (await ana.ask(_RUN, id=asked["run"]["id"]))["node"]
        if run["outcome"] is not None:
            return {check["code"]: check for check in run["checks"]}
        await asyncio.sleep(0.25)
    raise DemoError("No worker made the preflight.")


async def _review(http: httpx.AsyncClient, api_url: str, ana: Client, rui: Client, opened: Opened) -> None:
    about = {"connectionId": str(opened.connection_id)}
    for kind in DocumentKind:
        facts = {"purpose": "ONBOARDING_DOCUMENT", "name": f"{kind.lower()}.pdf", "size": len(_DOCUMENT)}
        told = await answer_of(ana, _ANNOUNCE, "fileAnnounce", **facts, sha256=hashlib.sha256(_DOCUMENT).hexdigest())
        (await http.put(api_url + told["uploadPath"], content=_DOCUMENT)).raise_for_status()
        document = {**about, "kind": kind.value, "fileId": told["file"]["id"]}
        await _step(ana, "connectionDocumentHandIn", "ConnectionDocumentInput", **document)
    await _step(ana, "connectionSubmit", "ConnectionStepInput", **about)
    review = {**about, "decision": "START"}
    own = await ana.ask(_document("connectionReview", "ConnectionReviewInput"), input=review)
    opened.promises.append(
        (own["connectionReview"]["errors"][0]["code"] == "FORBIDDEN", "who submitted an account does not review it")
    )
    await _step(rui, "connectionReview", "ConnectionReviewInput", **review)
    done = await _step(rui, "connectionReview", "ConnectionReviewInput", **{**about, "decision": "APPROVE"})
    opened.promises.append((done["state"] == "SANDBOX", "another person does: it may work in the PSE's sandbox"))


def _document(name: str, type_: str) -> str:
    return _STEP.format(type=type_, name=name, errors=ERRORS)


async def _step(client: Client, mutation: str, type_: str, /, **given: Any) -> dict[str, Any]:
    told = await answer_of(client, _document(mutation, type_), mutation, **given)
    application: dict[str, Any] = told["application"]
    return application


async def answer_of(client: Client, document: str, mutation: str, /, **given: Any) -> dict[str, Any]:
    """What a mutation answers. Raises DemoError where it refuses."""
    payload: dict[str, Any] = (await client.ask(document, input=given))[mutation]
    if payload["errors"]:
        raise DemoError(f"{mutation}: {payload['errors'][0]['message']}")
    return payload
