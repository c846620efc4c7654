"""Row-level security: who sees a row of which table, built from the catalogue whenever the owner migrates (wall)."""

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from domain.platform.wall import EVERYBODY, SETTING

if TYPE_CHECKING:
    import asyncpg

_MINE: Final = f"(SELECT nullif(nullif(current_setting('{SETTING}', true), ''), '{EVERYBODY}')::uuid)"
_ALL: Final = f"(SELECT current_setting('{SETTING}', true) = '{EVERYBODY}')"
# No merchant's: what was applied, what the demo keeps, how soon somebody may ask again, how far all is counted.
OUTSIDE: Final = frozenset({"tortoise_migrations", "demo_marks", "paces", "refund_figure_marks"})
# Every table with a column `merchant_id` is behind the wall by it. These are by the row that they hang on.
PARENTS: Final[Mapping[str, tuple[str, str]]] = {
    "announced_reports": ("connection_id", "connections"),
    "answers": ("call_id", "calls"),
    "attempts": ("refund_id", "refunds"),
    "certification_cases": ("run_id", "certification_runs"),
    "delivery_tries": ("delivery_id", "deliveries"),
    "listed_money": ("payment_id", "payments"),
    "notice_refunds": ("refund_id", "refunds"),
    "notices": ("connection_id", "connections"),
    "onboarding_documents": ("connection_id", "connections"),
    "onboarding_steps": ("connection_id", "connections"),
    "payout_parts": ("payout_id", "payouts"),
    "preflight_checks": ("run_id", "preflight_runs"),
    "refused_webhooks": ("connection_id", "connections"),
    "report_balances": ("report_id", "reports"),
    "report_news": ("connection_id", "connections"),
    "report_pieces": ("report_id", "reports"),
    "settlement_lines": ("report_id", "reports"),
}
_MERCHANT: Final = f"merchant_id = {_MINE} OR {_ALL}"
_PERSON: Final = f"EXISTS (SELECT 1 FROM people p WHERE p.id = person_id AND p.merchant_id = {_MINE}) OR {_ALL}"  # noqa: S608
# What of one's own row may be changed where not all of it may be written: of a merchant, the columns of GRANTS.
_CHANGED: Final[Mapping[str, str]] = {"merchants": f"id = {_MINE} OR platform_id = {_MINE} OR {_ALL}"}
# Of tables that are written by the hundred thousand: the parents of the last hour are asked for once for all that a
# statement writes, and one by one only where a row hangs on none of them.
_MANY: Final = frozenset({"settlement_lines"})
_NEW: Final = "{column} IN (SELECT p.id FROM {parent} p WHERE p.created_at > now() - interval '1 hour')"
# Table -> (what may be seen, what may be written).
_OWN: Final[Mapping[str, tuple[str, str]]] = {
    "merchants": (f"id = {_MINE} OR platform_id = {_MINE} OR {_ALL}", f"platform_id = {_MINE} OR {_ALL}"),
    # Who has a part in a merchant may be another one's person; only their own merchant writes about them.
    "people": (f"{_MERCHANT} OR EXISTS (SELECT 1 FROM grants g WHERE g.person_id = people.id)", _MERCHANT),  # noqa: S608
    "sessions": (_PERSON, _PERSON),
    "sign_in_links": (_PERSON, _PERSON),
    "data_keys": (f"{_MERCHANT} OR merchant_id IS NULL", _MERCHANT),  # of nobody: the key of digests
    "checks": (_ALL, _ALL),  # all of the books, compared
}


def policy(table: str, columns: frozenset[str]) -> tuple[str, str] | None:
    """Who may see a row of this table, and who may write one; None: nobody has said it, so nobody may either."""
    if table in _OWN:
        return _OWN[table]
    if table in PARENTS:
        column, parent = PARENTS[table]
        through = f"{_ALL} OR EXISTS (SELECT 1 FROM {parent} p WHERE p.id = {table}.{column})"  # noqa: S608 - ours
        return through, through
    return (_MERCHANT, _MERCHANT) if "merchant_id" in columns else None


def statements(table: str, columns: frozenset[str]) -> list[str]:
    """What puts a table behind the wall, be it new or behind an earlier one."""
    if table in OUTSIDE:
        return []
    told = [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"]
    told += [f"DROP POLICY IF EXISTS {name} ON {table}" for name in ("wall_seen", "wall_added", "wall_changed")]
    seen, written = policy(table, columns) or ("false", "false")
    changed = _CHANGED.get(table, written)
    rules = (
        ("wall_seen", "SELECT", f"USING ({seen})"),
        ("wall_added", "INSERT", f"WITH CHECK ({_new_one(table)}{_by_row(written)})"),
        ("wall_changed", "UPDATE", f"USING ({changed}) WITH CHECK ({_by_row(changed)})"),
    )
    return told + [f"CREATE POLICY {name} ON {table} FOR {what} {rule}" for name, what, rule in rules]


def _new_one(table: str) -> str:
    """What most rows that are added to the table meet, where many are at once: sooner looked at than the whole rule."""
    if table not in _MANY:
        return ""
    column, parent = PARENTS[table]
    return f"{_NEW.format(column=column, parent=parent)} OR "


def _by_row(rule: str) -> str:
    """The rule without its sub-selects, which a statement asks once for all that it looks through: of a row that is
    written they would be two more parts of its plan, each time, and cost more than they save.
    """
    return rule.replace(_MINE, _MINE.replace("SELECT ", "", 1)).replace(_ALL, _ALL.replace("SELECT ", "", 1))


async def let_sign_in(owner: "asyncpg.Connection", provider: bool) -> None:
    """What an identity provider says cannot be shown to PostgreSQL: where there is one, the application is believed."""
    named = "FROM pg_trigger WHERE tgname = 'sessions_given' AND tgrelid = 'sessions'::regclass"
    if await owner.fetchval(f"SELECT tgenabled::text {named}") != ("D" if provider else "O"):
        await owner.execute(f"ALTER TABLE sessions {'DISABLE' if provider else 'ENABLE'} TRIGGER sessions_given")


_COLUMNS: Final = """SELECT c.relname AS name, array_agg(a.attname::text) AS columns,
    (SELECT obj_description(p.oid, 'pg_policy') FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'wall_seen')
      AS said
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY c.oid, c.relname ORDER BY c.relname"""


async def build(owner: "asyncpg.Connection") -> None:
    """Put every table behind the wall; a table that is behind today's already is not locked for it again."""
    async with owner.transaction():
        for table in await owner.fetch(_COLUMNS):
            told = statements(table["name"], frozenset(table["columns"]))
            mark = sha256(" ".join(told).encode()).hexdigest()
            if told and table["said"] != mark:
                await owner.execute("; ".join([*told, f"COMMENT ON POLICY wall_seen ON {table['name']} IS '{mark}'"]))
