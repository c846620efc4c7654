"""The published specification itself against what we send, what the sandbox answers, and our own schemas.

It lies beside the checkout; where it does not, these tests are skipped.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from domain.pse.pix.connector import Pix
from domain.pse.vocabulary import TellsOfRefund
from tests.domain.pse.pix.answers import ORDER
from tests.domain.pse.pix.test_connector import hook
from tests.kit.world import a_sandbox
from tests.sandbox.client import SandboxClient
from tests.schemas import pix as own

FACTS = Path(__file__).resolve().parents[5] / "shared" / "facts" / "pse" / "data" / "pix"
PUBLISHED = pytest.mark.skipif(not FACTS.is_dir(), reason="The specification is not beside the checkout.")
PAIRS = [
    ("DevolucaoSolicitada", own.REFUND_REQUEST),
    ("Devolucao", own.REFUND),
    ("Pix", own.PIX),
    ("Problema", own.PROBLEM),
]


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    text = (FACTS / "pix-api-2.9.0-openapi.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return loaded


def _check(specification: dict[str, Any], name: str, document: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": specification["components"]}
    Draft202012Validator(schema).validate(document)


@PUBLISHED
def test_our_refund_request_is_what_the_published_schema_wants(specification: dict[str, Any]) -> None:
    _check(specification, "DevolucaoSolicitada", json.loads(Pix().refund(ORDER).content))


@PUBLISHED
@pytest.mark.parametrize(("name", "schema"), PAIRS)
def test_our_schemas_require_what_the_published_ones_require(
    specification: dict[str, Any], name: str, schema: dict[str, Any]
) -> None:
    published = _merged(specification, specification["components"]["schemas"][name])
    assert set(schema["required"]) >= set(published.get("required", []))
    unknown = set(schema["properties"]) - set(published["properties"])
    assert not unknown, f"{name} does not have {unknown}."


def _merged(specification: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its references and allOf parts put together."""
    if "$ref" in schema:
        return _merged(specification, specification["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    merged: dict[str, Any] = {
        "required": list(schema.get("required", [])),
        "properties": dict(schema.get("properties", {})),
    }
    for part in schema.get("allOf", []):
        inner = _merged(specification, part)
        merged["required"] += inner["required"]
        merged["properties"] |= inner["properties"]
    return merged


@PUBLISHED
def test_the_published_examples_of_refunds_are_read() -> None:
    examples = json.loads((FACTS / "refund-examples.json").read_text())
    for name in ("devolucaoResponse1", "devolucaoResponse2"):
        outcome = Pix().read_look_up(
            ORDER, httpx.Response(200, json={**examples[name], "id": ORDER.reference, "valor": "7.89"})
        )
        assert type(outcome).__name__ in ("Accepted", "Declined")
    told = {"pix": [examples["pixWebhook1"], examples["pixWebhook2"]]}
    body = json.dumps(told).encode()
    (notice,) = Pix().read_webhook(hook("/w/s3cret-of-the-path/pix", body))
    assert isinstance(notice, TellsOfRefund)
    assert notice.reference == "123ABC"


@PUBLISHED
async def test_every_answer_of_the_sandbox_follows_the_published_schemas(specification: dict[str, Any]) -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox)
        listing = answers.pop("PixConsultados")
        # The published PixConsultados requires a `cobs` that it does not have (a slip), so its parts are checked.
        _check(specification, "ParametrosConsultaPix", listing["parametros"])
        for pix in listing["pix"]:
            _check(specification, "Pix", pix)
        for name, document in answers.items():
            _check(specification, name.split("/")[0], document)


async def all_answers(sandbox: SandboxClient) -> dict[str, Any]:
    """One answer of each shape, by the published schema's name (and what is behind a slash, to tell them apart)."""
    base = f"{sandbox.url}/pix/v2"
    granted = await sandbox.http.post(
        f"{sandbox.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=("estorno", "sandbox-secret")
    )
    headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
    e2eid = await sandbox.capture(10_000, "ok", "pending", "refused")
    await sandbox.post("med", payment=e2eid, amount=100)

    async def put(refund_id: str, value: str) -> Any:
        url = f"{base}/pix/{e2eid}/devolucao/{refund_id}"
        return (await sandbox.http.put(url, json={"valor": value}, headers=headers)).json()

    async def get(path: str) -> Any:
        return (await sandbox.http.get(base + path, headers=headers)).json()

    period = "inicio=2020-01-01T00:00:00Z&fim=2030-01-01T00:00:00Z"
    return {
        "Devolucao/done": await put("a1", "1.00"),
        "Devolucao/pending": await put("a2", "1.00"),
        "Devolucao/refused": await put("a3", "1.00"),
        "Problema/used": await put("a1", "1.00"),
        "Problema/sum": await put("a4", "100.00"),
        "Problema/value": await put("a5", "1"),
        "Problema/unknown": await get(f"/pix/{e2eid}/devolucao/zz"),
        "Problema/query": await get("/pix"),
        "Problema/access": (await sandbox.http.get(f"{base}/pix/{e2eid}")).json(),
        "Devolucao/look-up": await get(f"/pix/{e2eid}/devolucao/a1"),
        "Pix": await get(f"/pix/{e2eid}"),
        "PixConsultados": await get(f"/pix?{period}"),
    }


OWN = {"Devolucao": own.REFUND, "Problema": own.PROBLEM, "Pix": own.PIX, "PixConsultados": own.LISTING}


async def test_every_answer_of_the_sandbox_follows_our_own_schemas() -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox)
        for name, document in answers.items():
            own.check(OWN[name.split("/")[0]], document)
        with pytest.raises(ValidationError):
            own.check(own.REFUND, answers["Problema/used"])
