"""`estorno bank` beside a real API: an account, its statement, and the payouts that it proves, in 80 columns."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from api.app import create
from domain.access.tokens import Role, create_token
from domain.models import Payout
from tests.conftest import Database
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_shop
from tests.kit.forked import told
from tests.kit.world import quick_settings, served


def _ofx() -> str:
    day = f"{utc_today():%Y%m%d}"
    return f"""OFXHEADER:100
<OFX><STMTRS><CURDEF>BRL<BANKACCTFROM><BANKID>341<ACCTID>12345-6</BANKACCTFROM>
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{day}<TRNAMT>100.00<FITID>1<MEMO>TED STRIPE PO-1A2B3C</STMTTRN>
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{day}<TRNAMT>69.50<FITID>2<MEMO>TED OF SOMEBODY WITH A LONG NAME</STMTTRN>
</STMTRS></OFX>"""


async def _payout(shop: Shop, amount: int, reference: str) -> Payout:
    return await Payout.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, reference=reference, currency="BRL",
        amount=amount, business_date=utc_today(-2),
    )  # fmt: skip


async def test_a_statement_is_taken_in_and_payouts_are_proven_at_the_command_line(
    books: Database, redis_url: str, tmp_path: Path
) -> None:
    settings = quick_settings(database_url=books.application_url, redis_url=redis_url, files=str(tmp_path / "files"))
    async with served(create(settings)) as url:
        shop = await a_shop()
        token = await create_token(shop.id, Role.ACCOUNTANT, "Vera", timedelta(hours=1))
        given = {**os.environ, "ESTORNO_URL": url, "ESTORNO_TOKEN": token, "COLUMNS": "80"}

        async def run(*arguments: str, status: int = 0) -> str:
            done = await asyncio.to_thread(told, ["jobs.cli.app", "bank", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert max(map(len, done.stdout.splitlines()), default=0) <= 80 or "--format" in arguments, done.stdout
            return done.stdout + done.stderr

        named, plain = await _payout(shop, 10_000, "po_1A2B3C"), await _payout(shop, 7_000, "po_other")
        account = json.loads(await run("add", "Conta movimento do Itaú em São Paulo", "BRL", "--format", "json"))["id"]
        assert account in await run("accounts")
        statement = tmp_path / "extrato.ofx"
        statement.write_text(_ofx())
        assert "OFX of" in await run("import", account, str(statement))
        again = json.loads(await run("import", account, str(statement), "--format", "json"))
        assert again["lines"] == 2
        statement.write_text(_ofx().replace("<FITID>1", "").replace("1A2B3C", "1A2B3C PAGAMENTO A FORNECEDORES"))
        more = await run("import", account, str(statement))
        assert "0 of 2 are new" in more
        assert f"    {utc_today()}  100.00 BRL  (not sure)\n        here: TED STRIPE PO-1A2B3C PAGAMENTO A FORN" in more
        assert "        then: TED STRIPE PO-1A2B3C\n" in more
        proven = await run("payouts", "--standing", "PROVEN")
        assert (str(named.id) in proven, str(plain.id) in proven, "REFERENCE" in proven) == (True, False, True)
        (line,) = json.loads(await run("lines", "--open", "--format", "json"))
        assert (line["amount"], line["id"] in await run("lines")) == ("6950", True)
        assert "charges: 50 minor units" in await run("prove", str(plain.id), line["id"])
        assert await run("payouts", "--standing", "OPEN") == ""
        assert "open again" in await run("void", str(plain.id), "--reason", "It was another one.")
        assert str(plain.id) in await run("payouts", "--standing", "OPEN")
        taken = json.loads(await run("statements", "--format", "json"))[-1]
        assert "void that proof first" in await run("withdraw", taken["id"], "--reason", "It is another's.", status=1)
        await run("void", str(named.id), "--reason", "It is another's.")
        for one in json.loads(await run("statements", "--account", account, "--format", "json")):
            assert "taken back" in await run("withdraw", one["id"], "--reason", "It is another's.")
        assert "(withdrawn)" in await run("statements")
        for wrong in (
            ("import", account, str(tmp_path / "nowhere")),
            ("accounts", "--format", "xml"),
            ("prove", str(uuid4()), line["id"]),
        ):
            assert await run(*wrong, status=1)
