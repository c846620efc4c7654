"""A month's evidence as files: tables, the chain and its proof, what was configured, and what was not done."""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Final
from uuid import UUID

from domain.audit import parts
from domain.audit.parts import PARTS
from domain.audit.tables import csv_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.history import seals
from domain.models import Merchant
from domain.platform.database import rows, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput

README: Final = "README.md"
MANIFEST: Final = "manifest.json"
EXPORT: Final = "evidenceExport"
RESTORE_TEST: Final = "restoreTest"
_RESULTS: Final = ("PASSED", "FAILED")
_OUTSIDE: Final[Mapping[str, tuple[str, str]]] = {
    "chain.json": (
        "Heads of the chain of events and deeds, and what its verification found.",
        "CC7.2, PI1.5; A.8.15",
    ),
    "four-eyes.json": ("Statistics of approvals, and any decision by who had asked.", "CC5.1, CC6.3; A.5.3"),
    "configuration.csv": ("Every setting as it is now, secrets hidden.", "CC6.1, CC8.1; A.8.9"),
    "versions.json": ("Versions of the program, its packages, PostgreSQL and the database's schema.", "CC8.1; A.8.8"),
}


@dataclass(frozen=True, slots=True)
class UtcMonth:
    """A calendar month, UTC; `until` is excluded."""

    name: str
    since: datetime
    until: datetime

    @classmethod
    def of(cls, text: str, now: datetime) -> "UtcMonth":
        """From YYYY-MM. Raises InvalidInput, also for a month that has not begun."""
        try:
            since = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        except ValueError:
            raise InvalidInput(f"{text!r} is no month; write YYYY-MM.") from None
        if since > now:
            raise InvalidInput(f"{text} has not begun.")
        following = since.year * 12 + since.month
        return cls(since.strftime("%Y-%m"), since, datetime(following // 12, following % 12 + 1, 1, tzinfo=UTC))


async def bundle(
    merchants: Sequence[UUID], month: UtcMonth, settings: Settings, attached: Mapping[str, bytes], cause: Cause
) -> dict[str, bytes]:
    """The files by name, with a README that names the controls and a manifest with the SHA-256 of each.

    That it was made is a deed of each merchant. Raises InvalidInput for an attachment whose name is no plain one.
    """
    files, said = dict[str, bytes](), dict[str, str]()
    for part in PARTS:
        found = await parts.read(part, list(merchants), month.since, month.until)
        header = list(found[0]) if found else ["nothing"]
        files[part.file] = csv_of(header, [list(row.values()) for row in found] or [[part.none]])
        said[part.file] = f"{len(found)} lines." if found else f"**Not done:** {part.none}"
    files["chain.json"], said["chain.json"] = await _chain(merchants)
    files["four-eyes.json"], said["four-eyes.json"] = await _four_eyes(merchants, month)
    files["configuration.csv"] = csv_of(["variable", "value", "what it does"], settings.shown())
    files["versions.json"] = _json(await _versions())
    for name, content in attached.items():
        _check_name(name)
        files[f"attached/{name}"] = content
    files[README] = _readme(month, said, sorted(attached), await _names(merchants)).encode()
    files[MANIFEST] = _json(_manifest(month, files))
    for merchant_id in merchants:
        what = {"month": [None, month.name], "manifest": [None, hashlib.sha256(files[MANIFEST]).hexdigest()]}
        async with transaction():
            await deeds.note(merchant_id, EXPORT, Of("evidence", month.name), cause, what)
    return files


async def record_restore_test(result: str, note: str, backup_at: datetime, cause: Cause) -> int:
    """Write in every merchant's log that a backup of that moment (UTC) was restored, and how it went.

    How many merchants. Raises InvalidInput.
    """
    if result not in _RESULTS:
        raise InvalidInput(f"The result is {' or '.join(_RESULTS)}.")
    if not 5 <= len(note.strip()) <= 300:
        raise InvalidInput("The note takes 5 to 300 characters: what was restored where, and what the check said.")
    merchants = await Merchant.all().order_by("id")
    what = {"result": [None, result], "note": [None, note.strip()], "backup_at": [None, backup_at.isoformat()]}
    async with transaction():
        for merchant in merchants:
            await deeds.note(merchant.id, RESTORE_TEST, Of("backup", backup_at.date().isoformat()), cause, what)
    return len(merchants)


async def _chain(merchants: Sequence[UUID]) -> tuple[bytes, str]:
    heads = [await seals.head(merchant_id) for merchant_id in merchants]
    broken = [one for one in await seals.verify() if one.merchant_id in set(merchants)]
    told = {
        "heads": [{"merchant": str(one.merchant_id), **one.told()} for one in heads],
        "verified_at": datetime.now(UTC).isoformat(),
        "broken": [{"merchant": str(one.merchant_id), "position": one.position, "what": one.what} for one in broken],
    }
    said = "The chain is whole." if not broken else f"**{len(broken)} places of the chain are broken.**"
    return _json(told), said


async def _four_eyes(merchants: Sequence[UUID], month: UtcMonth) -> tuple[bytes, str]:
    found = await rows(
        "SELECT refund_id, decision, decided_by, decided_by IN (requested_by, provided_by) "
        "  OR decided_by_id IN (requested_by_id, provided_by_id) "
        "  OR delegated_by_id IN (requested_by_id, provided_by_id) AS alone FROM approvals "
        "WHERE merchant_id = ANY($1::uuid[]) AND decided_at >= $2 AND decided_at < $3",
        list(merchants),
        month.since,
        month.until,
    )
    alone = [str(row["refund_id"]) for row in found if row["alone"]]
    told = {
        "decisions": dict(Counter(row["decision"] for row in found)),
        "by": dict(Counter(row["decided_by"] for row in found)),
        "decided_by_who_asked": alone,
    }
    said = f"{len(found)} decisions; {len(alone)} of them by who had asked or named the account."
    return _json(told), said


async def _versions() -> dict[str, Any]:
    (server,) = await rows("SELECT version() AS version")
    applied = await rows("SELECT name FROM tortoise_migrations ORDER BY id")
    packages = {one.metadata["Name"]: one.version for one in metadata.distributions()}
    return {
        "estorno": metadata.version("estorno"),
        "python": platform.python_version(),
        "postgresql": server["version"],
        "migrations": [row["name"] for row in applied],
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].lower())),
    }


async def _names(merchants: Sequence[UUID]) -> list[str]:
    return [one.name for one in await Merchant.filter(id__in=list(merchants)).order_by("name")]


def _check_name(name: str) -> None:
    if not (0 < len(name) <= 100 and name.isprintable() and name[0] != "." and not set(name) & set('/\\:*?"<>|')):
        raise InvalidInput(f"An attachment has a plain name, not {name[:100]!r}.")


def _manifest(month: UtcMonth, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "format": "estorno-evidence/1",
        "month": month.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        },
    }


def _readme(month: UtcMonth, said: Mapping[str, str], attached: Sequence[str], merchants: Sequence[str]) -> str:
    over = "" if month.until <= datetime.now(UTC) else " The month is not over: this is what there is until now."
    lines = [
        f"# Evidence of {month.name}",
        "",
        f"Of {', '.join(merchants)}; times are UTC.{over}",
        "",
        "Each file and the controls that it speaks for, of SOC 2 (CC, A, C, P, PI) and of ISO/IEC 27001:2022 Annex A.",
        "What was not done in the month is said, and not left out.",
        "`manifest.json` has the SHA-256 of each file; the manifest's own stands in the audit log (`evidenceExport`).",
        "",
        "| File | What it says | Controls | This month |",
        "|---|---|---|---|",
        *(f"| {one.file} | {one.what} | {one.controls} | {said[one.file]} |" for one in PARTS),
        *(f"| {name} | {what} | {controls} | {said.get(name, 'As it is now.')} |"
          for name, (what, controls) in _OUTSIDE.items()),
        *(f"| attached/{name} | Handed in with `--attach`. | CC7.1, CC8.1; A.8.8 | As it was given. |"
          for name in attached),
    ]  # fmt: skip
    if not attached:
        lines.append(
            "| (none attached) | SBOM and audit of dependencies. | CC7.1; A.8.8 | **Not done:** none attached. |"
        )
    return "\n".join(lines) + "\n"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, default=str) + "\n").encode()
