"""The signed report of a certification: as JSON for programs, as a page for people, and how both are verified.

Ed25519, with a key derived from the platform's secret key: who has the public key can verify, and nobody else can sign.
"""

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_PURPOSE: Final = b"estorno/certificate"
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.5rem;text-align:left;"
    "vertical-align:top}pre{white-space:pre-wrap;word-break:break-all;font-size:.8rem}"
    ".PASSED{color:#06642b}.FAILED{color:#9c1c1c}.SKIPPED{color:#6b5200}"
)


class NotGenuine(ValueError):
    """The file is no report that was signed; the message says why."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A report whose signature fits. `ours`: it was signed by the key that was given."""

    report: Mapping[str, Any]
    ours: bool


@lru_cache(maxsize=4)
def _private_key(secret: bytes) -> Ed25519PrivateKey:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
    return Ed25519PrivateKey.from_private_bytes(derived)


def public_key(secret: bytes) -> str:
    """The key that verifies what `secret` (the 32-byte secret key) signs; raw, in base64."""
    raw = _private_key(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def sign(report: Mapping[str, Any], secret: bytes) -> str:
    """The signature of the report's canonical bytes, in base64."""
    return base64.b64encode(_private_key(secret).sign(_canonical(report))).decode()


def _canonical(report: Mapping[str, Any]) -> bytes:
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def document(report: Mapping[str, Any], signature: str, secret: bytes) -> str:
    """The file: report, signature and the key that verifies it."""
    whole = {"report": report, "signature": signature, "public_key": public_key(secret)}
    return json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def verify(content: str, secret: bytes | None = None) -> Verified:
    """Whether nobody has changed the file; `secret`: the key that should have signed it. Raises NotGenuine."""
    try:
        whole = json.loads(content)
        report, signature, named = whole["report"], whole["signature"], whole["public_key"]
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(named, validate=True))
        signed = base64.b64decode(signature, validate=True)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotGenuine("This is no signed report: report, signature and public_key are not all there.") from error
    try:
        key.verify(signed, _canonical(report))
    except InvalidSignature as error:
        raise NotGenuine("The signature does not fit: the report was changed after it was signed.") from error
    if not isinstance(report, dict):
        raise NotGenuine("What was signed is no report.")
    return Verified(report, ours=secret is not None and public_key(secret) == named)


def page(report: Mapping[str, Any], signature: str, secret: bytes) -> str:
    """The report for people: one HTML file that needs nothing else. The signed JSON stands in it."""
    connection = report["connection"]
    title = f"Certification of {connection['name']} at {connection['pse']}"
    rows = "".join(_row(case) for case in report["cases"])
    facts = {
        "Outcome": report["outcome"],
        "Connection": connection["id"],
        "Address": report["address"],
        "Asked by": f"{report['asked_by']} ({report['request_id']})",
        "Began": report["began_at"],
        "Ended": report["ended_at"],
        "Signed with": public_key(secret),
    }
    told = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts.items())
    signed = _text(document(report, signature, secret))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{_text(title)}</h1><table>{told}</table>"
        f"<h2>Cases</h2><table><tr><th>Case</th><th>Outcome</th><th>What was seen</th></tr>{rows}</table>"
        "<h2>Signed report</h2><p>Save it as a file; <code>estorno certificate verify FILE</code> says whether it is "
        f"as it was signed.</p><pre>{signed}</pre></body></html>\n"
    )


def _row(case: Mapping[str, Any]) -> str:
    evidence = _text(json.dumps(case["evidence"], ensure_ascii=False, sort_keys=True))
    outcome = _text(case["outcome"])
    seen = f"{_text(case['said'])}<pre>{evidence}</pre>"
    return f'<tr><td>{_text(case["name"])}</td><td class="{outcome}">{outcome}</td><td>{seen}</td></tr>'


def _text(value: object) -> str:
    return html.escape(str(value))
