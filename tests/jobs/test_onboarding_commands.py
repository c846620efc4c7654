"""`estorno preflight` and `estorno certificate verify` as a person sees them, at 80 columns."""

import asyncio
import base64
import os
from pathlib import Path

from domain.models import CertificationCase, Connection
from domain.onboarding import certificate
from domain.platform import database
from jobs.cli import onboarding
from tests.conftest import Database
from tests.kit.factories import KEY
from tests.kit.forked import told
from tests.kit.loopback import SERVED
from tests.kit.world import a_sandbox, a_shop_at

_REPORT = {
    "connection": {"id": "1", "pse": "pix", "name": "pix-main"},
    "outcome": "PASSED",
    "ended_at": "2026-11-29T12:00:00+00:00",
    "asked_by": "ana",
}


async def _command(books: Database, *arguments: str) -> tuple[int, str]:
    """The exit status of `estorno`, and all that it says."""
    given = {
        **os.environ,
        "DATABASE_URL": books.application_url,
        "COLUMNS": "80",
        "ESTORNO_PRIVATE_HOSTS": ",".join(SERVED),
        "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(KEY).decode(),
    }
    done = await asyncio.to_thread(told, ["jobs.cli.app", *arguments], given, 60)
    return done.returncode, done.stdout + done.stderr


async def test_the_preflight_says_what_it_saw_and_what_to_do_and_its_status_is_the_answer(
    own_database: Database,
) -> None:
    async with a_sandbox() as sandbox:
        async with database.connected(own_database.application_url, pool_max=2):
            shop = await a_shop_at(sandbox.at("stripe"))
        await sandbox.at("stripe").post("account", key="no_refunds")
        code, said = await _command(own_database, "preflight", "stripe-main")
        assert code == 1
        assert "FAILED      MAY_REFUND" in said
        assert "To do: Stripe Dashboard > Developers > API keys" in said
        assert "The preflight: FAILED." in said
        assert max(map(len, said.splitlines())) <= 80
    async with database.connected(own_database.application_url, pool_max=2):
        assert (await Connection.get(id=shop.connection.id)).refused_since is not None
    code, said = await _command(own_database, "preflight", "nobody")
    assert (code, "There is no connection 'nobody'" in said, "Traceback" in said) == (1, True, False)


async def test_a_report_is_verified_and_a_changed_one_is_not(own_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    content = certificate.document(_REPORT, certificate.sign(_REPORT, KEY), KEY)
    for text, status, words in (
        (content, 0, "Genuine: pix-main at pix PASSED"),
        (content.replace("ana", "eva"), 1, "was changed after it was signed"),
        (
            certificate.document(_REPORT, certificate.sign(_REPORT, b"x" * 32), b"x" * 32),
            1,
            "another installation's key",
        ),
    ):
        file.write_text(text)
        code, said = await _command(own_database, "certificate", "verify", str(file))
        assert (code, words in " ".join(said.split()), "Traceback" in said) == (status, True, False), said


def test_a_case_fits_into_eighty_columns() -> None:
    case = CertificationCase(name="ABOVE_THE_REMAINDER", outcome="PASSED", said="It was refused before. " * 20)
    lines = onboarding.case_lines(case, 3).splitlines()
    assert lines[0] == "PASSED      3/9 ABOVE_THE_REMAINDER"
    assert max(map(len, lines)) <= 80
