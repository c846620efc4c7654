"""From an empty database to a submitted connection, with the commands and in the words that a newcomer reads."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from strawberry.relay import to_base64

from api.app import create
from domain.access.tokens import Role, create_token
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Grant, Merchant, Person, PreflightRun, SignInLink
from domain.models.connections import ConnectionState
from domain.money import Money
from jobs import onboarding
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.factories import KEY, a_payment, a_refund, a_shop
from tests.kit.forked import told
from tests.kit.world import a_sandbox, quick_settings, served

Command = Callable[..., Any]
INIT = ("init", "--merchant", "Loja", "--country", "BR", "--zone", "America/Sao_Paulo")
ANA = ("--name", "Ana Souza", "--email", "ana@loja.example")
KEYS = {
    "client_id": "estorno",
    "client_secret": "sandbox-secret",
    "webhook_secret": "hook-secret-of-the-test",
}


@asynccontextmanager
async def _preflights(settings: Any) -> AsyncIterator[None]:
    """The worker's part: what is asked for is made."""

    async def work() -> None:
        async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
            while True:
                for run in await PreflightRun.filter(finished_at=None):
                    await onboarding.run_preflight(run.id, sending, settings)
                await asyncio.sleep(0.05)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@pytest.fixture
async def command(own_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Command]:
    """Runs `estorno` against an API of the test's own; gives what it said, or raises what it raised."""
    settings = quick_settings(
        database_url=own_database.application_url, redis_url=redis_url, files=str(tmp_path / "files")
    )
    async with served(create(settings)) as url, _preflights(settings):
        environment = {
            "DATABASE_URL": own_database.application_url,
            "REDIS_URL": redis_url,
            "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(KEY).decode(),
            "ESTORNO_HOME": str(tmp_path),
            "ESTORNO_URL": url,
            "COLUMNS": "80",
        }

        async def run(*arguments: str, token: str = "", typed: str = "", status: int = 0) -> str:
            given, argv = {**os.environ, **environment, "ESTORNO_TOKEN": token}, ["jobs.cli.app", *arguments]
            done = await asyncio.to_thread(told, argv, given, 60, typed)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            return done.stdout + done.stderr if status else done.stdout

        yield run


async def _token(command: Command, holder: str) -> str:
    said = await command("token", "create", "--merchant", "Loja", "--role", "ADMIN", "--holder", holder)
    return str(said.split()[-1])


async def test_init_makes_a_merchant_and_its_administrator_once_and_nothing_else(command: Command) -> None:
    said = await command(*INIT, *ANA)
    (link,) = [line.strip() for line in said.splitlines() if "/sign-in/link/" in line]
    assert (await Person.get()).email == "ana@loja.example"
    assert [one.role for one in await Grant.all()] == ["PLATFORM_ADMIN"]
    assert await Merchant.all().count() == 1
    assert await Connection.all().count() == 0
    assert len(link.rsplit("/", 1)[1]) >= 40
    assert "/sign-in" in await command("sign-in")
    again = await command("sign-in", "link", "ana@loja.example", "--merchant", "Loja")
    assert "/sign-in/link/" in again
    assert await SignInLink.filter(created_by_id=None).count() == 2  # the owner made them: nobody stands behind them
    assert "has a merchant already" in await command(*INIT, *ANA, status=1)
    assert await Merchant.all().count() == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(("--country", "Brasil"), "ISO 3166"), (("--zone", "Sao Paulo"), "IANA"), (("--email", "ana"), "address")],
)
async def test_what_init_cannot_use_is_said_and_nothing_is_made(
    command: Command, wrong: tuple[str, str], said: str
) -> None:
    assert said in await command(*INIT, *ANA, *wrong, status=1)
    assert await Merchant.all().count() == 0


async def test_a_newcomer_connects_an_account_and_another_person_reviews_it(command: Command, tmp_path: Path) -> None:
    await command(*INIT, *ANA)
    ana, rui = await _token(command, "Ana Souza"), await _token(command, "Rui Dias")
    assert "is there" in await command("store", "create", "main", "--name", "Main shop", token=ana)
    async with a_sandbox() as sandbox:
        typed = tmp_path / "pix.txt"
        known = {**KEYS, "base_url": f"{sandbox.url}/pix/v2", "token_url": f"{sandbox.url}/oauth/token"}
        secret = known.pop("client_secret")
        typed.write_text("\n".join(f"{name}={value}" for name, value in known.items()))
        asked = ("connect", "pix", "--store", "main", "--from", str(typed))
        said = await command(*asked, token=ana, typed=f"{secret}\n\n\n", status=1)
    assert "The institution's developer area" in said
    assert secret not in said, "What is secret is not shown while it is typed."
    assert "PASSED       CREDENTIALS" in said
    assert "FAILED       CALLBACK_REGISTERED: Estorno has no public address" in said
    assert "The preflight: FAILED." in said
    assert max(len(line) for line in said.splitlines() if "getpass" not in line) <= 80
    (connection,) = await Connection.all()
    assert (connection.name, connection.state) == ("pix-main", ConnectionState.DRAFT)
    early = await command("connection", "certify", "pix-main", "--out", str(tmp_path), token=ana, status=1)
    assert "certified once its review is done" in early
    document = tmp_path / "licence.pdf"
    document.write_bytes(b"%PDF-1.7 licence")
    assert "Hand in first" in await command("connection", "submit", "pix-main", token=ana, status=1)
    nothing = await command("connection", "document", "pix-main", "BANK_PROOF", token=ana, status=1)
    assert "is not KIND=FILE with one of these kinds: BUSINESS_LICENCE" in nothing
    kinds = ("BUSINESS_LICENCE", "LEGAL_REPRESENTATIVE_ID", "BANK_PROOF", "ADMISSION_NOTICE", "SERVICE_AGREEMENT")
    pairs = [f"{kind}={document}" for kind in kinds]
    said = await command("connection", "document", "pix-main", *pairs, token=ana)
    assert "Missing: nothing." in said
    assert "pix-main is SUBMITTED" in await command("connection", "submit", "pix-main", token=ana)
    own = await command("connection", "review", "pix-main", "start", token=ana, status=1)
    assert "ask another person" in own
    shown = await command("connection", "show", "pix-main", token=rui)
    assert f"{sandbox.url}/pix/v2" in shown
    assert "FAILED CALLBACK_REGISTERED" in shown
    assert "licence.pdf" in shown
    assert "Ana Souza: DRAFT to SUBMITTED" in shown
    assert secret not in shown
    await command("connection", "review", "pix-main", "start", token=rui)
    assert "pix-main is SANDBOX" in await command("connection", "review", "pix-main", "approve", token=rui)
    listed = await command("connection", "list", token=rui)
    assert "SANDBOX" in listed
    assert max(map(len, listed.splitlines())) <= 80


async def test_forty_stores_come_from_a_sheet_and_one_bad_row_holds_up_no_other(
    command: Command, tmp_path: Path
) -> None:
    await command(*INIT, *ANA)
    token = await _token(command, "Ana Souza")
    await command("store", "create", "main", "--name", "Main shop", token=token)
    sheet = tmp_path / "connections.csv"
    row = "stripe,{name},main,acct_1,https://api.stripe.com/v1,{key},whsec_1"
    rows = [row.format(name=f"stripe {number}", key="" if number == 2 else "sk_test_1") for number in range(5)]
    sheet.write_text("\n".join(["pse,name,store,client_id,base_url,api_key,webhook_secret", *rows]))
    said = await command("connection", "import", str(sheet), token=token, status=1)
    assert said.count(": DRAFT") == 4
    assert "stripe 2: refused: Missing: api_key" in said
    again = await command("connection", "import", str(sheet), token=token, status=1)
    assert again.count("is there already") == 4
    assert await Connection.all().count() == 4


async def test_a_person_is_invited_and_a_token_listed_and_revoked(command: Command) -> None:
    await command(*INIT, *ANA)
    token = await _token(command, "Ana Souza")
    said = await command(
        "people", "invite", "rui@loja.example", "--name", "Rui Dias", "--role", "APPROVER", token=token
    )
    assert "/sign-in/link/" in said
    assert "rui@loja.example" in await command("people", "list", token=token)
    other = await _token(command, "robot")
    listed = await command("token", "list", token=token)
    assert other[:12] in listed
    assert other not in listed
    own = next(line.split()[0] for line in listed.splitlines() if token[:12] in line)
    newer = (await command("token", "rotate", own, "--overlap-hours", "0", token=token)).strip()
    assert "is no valid token" in await command("store", "list", token=token, status=1)
    token = newer
    link = await command("people", "link", "rui@loja.example", token=token)
    assert "/sign-in/link/" in link
    assert "Loja (BR, America/Sao_Paulo)" in await command("merchant", "list", token=token)


async def test_without_a_token_or_an_api_the_commands_say_what_to_do(command: Command) -> None:
    assert "Set ESTORNO_TOKEN" in await command("store", "list", status=1)
    assert "is no valid token" in await command("store", "list", token="est_nobody", status=1)


async def test_what_waits_for_a_second_person_is_listed_and_approved_and_the_rules_are_shown(command: Command) -> None:
    shop = await a_shop()
    await a_refund(shop, await a_payment(shop, amount=2_500_000), 2_500_000)
    token = await create_token(shop.id, Role.ADMIN, "bia", timedelta(hours=1))
    listed = await command("approvals", "list", token=token)
    assert "BRL 25000.00 to where it came from" in listed
    assert "LARGE_AMOUNT" in listed
    assert "STAFF_DESTINATION (default): 1 x APPROVE" in await command("approvals", "rules", token=token)
    done = await command("approvals", "approve", listed.split()[0], token=token, typed="y\n")
    assert "It is REQUESTED now." in done
    assert await command("approvals", "list", token=token) == ""
    assert await command("approvals", "changes", token=token) == ""


async def test_findings_are_worked_off_and_summed_up_at_a_terminal(command: Command) -> None:
    shop = await a_shop()
    said = "It\x1b[31m differs. " * 20
    one = Found(
        FindingKind.FEE_MISMATCH, shop.id, shop.connection.id, "fee/1", Money(250_000, "BRL"), said,
        detail={"ours": {"fee": 1}, "theirs": {"fee": 2}},
    )  # fmt: skip
    await findings.open_finding(one)
    ana, bia = [await create_token(shop.id, Role.ACCOUNTANT, name, timedelta(hours=1)) for name in ("ana", "bia")]
    listed = await command("findings", "list", "--kind", "fee_mismatch", token=ana)
    found = listed.split()[0]
    assert "FEE_MISMATCH OPEN HIGH BRL 2500.00" in listed
    assert "\x1b" not in listed
    assert "FEE_MISMATCH" in await command("findings", "summary", token=ana)
    assert "ana has it" in await command("findings", "assign", found, token=ana)
    await command("findings", "comment", found, "I looked at the contract.", token=ana)
    soon = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%d")
    assert "WAITING" in await command("findings", "wait", found, "--until", soon, "--why", "They look.", token=ana)
    asked = await command("findings", "resolve", found, "explained", "--note", "The contract changed.", token=ana)
    assert f"estorno findings confirm {found}" in asked
    assert "another person" in await command("findings", "confirm", found, token=ana, status=1)
    assert "RESOLVED" in await command("findings", "confirm", found, token=bia)
    assert "REOPENED" in await command("findings", "reopen", found, "--why", "It did not.", token=bia)
    shown = await command("findings", "show", found, "--locale", "es", token=bia)
    assert "La comisión es otra" in shown
    assert max(map(len, (listed + shown).splitlines())) <= 80
    told = json.loads(await command("findings", "list", "--format", "json", "--currency", "brl", token=bia))
    assert [(node["kind"], node["state"]) for node in told] == [("FEE_MISMATCH", "REOPENED")]
    assert json.loads(await command("findings", "show", found, "--format", "json", token=bia))["id"] == found
    assert await command("findings", "list", "--mine", token=bia) == ""
    wide = ("--from", "2026-01-01", "--at-least", "250000", "--currency", "BRL", "--format", "json")
    assert len(json.loads(await command("findings", "list", *wide, token=bia))) == 1
    assert json.loads(await command("findings", "summary", *wide, "--assignee", "me", token=bia)) == []
    narrow = ("--store", str(shop.store.id), "--until", "2026-01-01", "--at-most", "250000", "--assignee", "nobody")
    assert await command("findings", "list", "--currency", "BRL", *narrow, token=bia) == ""
    assert "--currency" in await command("findings", "list", "--at-most", "1", token=bia, status=1)


async def test_many_findings_are_looked_at_then_resolved_at_once_and_one_has_its_evidence(
    command: Command, tmp_path: Path
) -> None:
    shop = await a_shop()
    for number in (1, 2):
        one = Found(
            FindingKind.FEE_MISMATCH, shop.id, shop.connection.id, f"fee/{number}", Money(number * 100, "BRL"), "They.",
            detail={"ours": {"fee": 1}, "theirs": {"fee": 2}},
        )  # fmt: skip
        await findings.open_finding(one)
    ana = await create_token(shop.id, Role.ACCOUNTANT, "ana", timedelta(hours=1))
    (tmp_path / "proof.pdf").write_bytes(b"%PDF-1.7 x")
    found = (await command("findings", "list", token=ana)).split()[0]
    assert found in await command("findings", "attach", found, str(tmp_path / "proof.pdf"), token=ana)
    assert "cannot be read" in await command("findings", "attach", found, str(tmp_path / "no.pdf"), token=ana, status=1)
    say = ("findings", "bulk", "explained", "--note", "As agreed.")
    assert "--kind" in await command(*say, "--yes", token=ana, status=1)
    wanted = (*say, "--kind", "fee_mismatch", "--currency", "brl")
    asked = await command(*wanted, token=ana, typed="n\n", status=1)
    assert ("2 findings" in asked, "BRL 3.00" in asked) == (True, True)
    assert "--yes" in await command(*wanted, "--format", "json", token=ana, status=1)
    other = await command(*wanted, "--seen", "0" * 64, "--yes", token=ana, status=1)
    assert "about other findings now" in " ".join(other.split())
    seen = json.loads(await command(*wanted, "--preview", "--format", "json", token=ana))
    told = json.loads(await command(*wanted, "--seen", seen["seen"], "--yes", "--format", "json", token=ana))
    assert (seen["count"], told["resolved"], told["refused"]) == (2, 2, 0)
    assert "Nothing" in await command(*wanted, "--yes", token=ana)
    large = Found(
        FindingKind.FEE_MISMATCH, shop.id, shop.connection.id, "fee/3", Money(900_000, "BRL"), "They.",
        detail={"ours": {"fee": 1}, "theirs": {"fee": 2}},
    )  # fmt: skip
    await findings.open_finding(large)
    bia = await create_token(shop.id, Role.ACCOUNTANT, "bia", timedelta(hours=1))
    assert "1 for another person" in await command(*wanted, "--yes", token=bia)
    assert "--preview" in await command(*wanted, "--yes", token=ana, status=1)  # what bia has said stands there
    told = (await command(*wanted, "--preview", token=ana)).split()
    assert ("replace" in told, told[-2]) == (True, "seen")
    assert "1 for another person" in await command(*wanted, "--seen", told[-1], "--yes", token=ana)


async def test_fees_and_rates_are_entered_and_a_refund_is_quoted(command: Command, tmp_path: Path) -> None:
    shop = await a_shop()
    payment, name = await a_payment(shop), str(shop.connection.id)
    token = await create_token(shop.id, Role.ADMIN, "bia", timedelta(hours=1))
    fees = tmp_path / "fees.csv"
    fees.write_text(
        "kind,currency,percent,fixed,original_fee,valid_from,source\n"
        "REFUND,BRL,0.5,30,KEPT,2025-01-01,Contract 7 with a name that is longer than a line of the terminal may be\n"
    )
    assert await command("fees", "import", str(fees), "--connection", name, token=token) == "1 entered.\n"
    given = ["--connection", name, "--kind", "PAYMENT", "--currency", "BRL", "--percent", "1.19", "--minimum", "50"]
    entered = await command("fees", "set", *given, "--from", "2025-01-01", "--source", "Contract 7", token=token)
    assert "1.19 % + BRL 0.00, at least BRL 0.50" in entered
    ptax = tmp_path / "ptax.csv"
    ptax.write_text("27112026;220;A;USD;5,4312;5,4318;1,0;1,0\n")
    told = await command("rates", "import", str(ptax), "--source", "PTAX", "--layout", "PTAX", token=token)
    assert told.startswith("2 entered; 0 rows")
    listed = await command("rates", "list", token=token)
    assert "1 USD = 5.4318 BRL sell, 2026-11-27" in listed
    told = await command("fees", "list", token=token)
    assert "REFUND all methods, from 2025-01-01" in told
    quoted = await command("quote", to_base64("Payment", payment.id), token=token)
    assert "REFUND_FEE: BRL 0.80. The PSE's fee for a refund." in quoted
    assert "ORIGINAL_FEE: BRL 1.19." in quoted
    assert "FX_DIFFERENCE: unknown." in quoted
    assert max(len(line) for line in (listed + told + quoted).splitlines()) <= 80
    found = json.loads(await command("fees", "list", "--format", "json", token=token))
    gone = await command("fees", "withdraw", found["edges"][0]["node"]["id"], "--format", "json", token=token)
    assert json.loads(gone)["withdrawnAt"]
    assert "cannot be read" in await command("fees", "import", "none.csv", token=token, status=1)
