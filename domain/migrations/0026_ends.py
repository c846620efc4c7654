"""What has ended stays ended: nobody un-revokes a token, a session, a grant or a role, or has one last longer.

The application's role may write these columns, for that is how things end; the triggers let it write them once.
"""

from typing import Final

from tortoise import migrations
from tortoise.migrations import operations as ops

# A column that is written once: `revoked_at`, `ended_at`, `used_at`, and who did it.
_ONCE: Final = """CREATE FUNCTION refuse_undoing() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done text;
BEGIN
    FOREACH done IN ARRAY TG_ARGV LOOP
        IF to_jsonb(OLD) ->> done IS NOT NULL AND to_jsonb(NEW) ->> done IS DISTINCT FROM to_jsonb(OLD) ->> done THEN
            RAISE EXCEPTION '%.% was written and stays', TG_TABLE_NAME, done USING ERRCODE = '42501';
        END IF;
    END LOOP;
    RETURN NEW;
END $$"""
_SOONER: Final = """CREATE FUNCTION refuse_longer() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.expires_at > OLD.expires_at THEN
        RAISE EXCEPTION '%.expires_at is never moved later', TG_TABLE_NAME USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$"""
# Nobody was seen tomorrow: a session that is idle ends.
_SEEN: Final = """CREATE FUNCTION refuse_seen_ahead() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.last_seen_at > clock_timestamp() + interval '1 minute' THEN
        RAISE EXCEPTION 'sessions.last_seen_at is when somebody was seen' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$"""
_WRITTEN_ONCE: Final = {
    "tokens": ("revoked_at", "revoked_by"),
    "sessions": ("revoked_at",),
    "grants": ("ended_at", "ended_by"),
    "roles": ("ended_at", "ended_by"),
    "sign_in_links": ("used_at",),
    "destination_links": ("used_at", "revoked_at"),
}


def _once(table: str, columns: tuple[str, ...]) -> str:
    told = ", ".join(f"'{one}'" for one in columns)
    return (
        f"CREATE TRIGGER {table}_ended_once BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_undoing({told})"
    )


STATEMENTS: Final = (
    _ONCE,
    _SOONER,
    _SEEN,
    *(_once(table, columns) for table, columns in _WRITTEN_ONCE.items()),
    "CREATE TRIGGER tokens_never_longer BEFORE UPDATE OF expires_at ON tokens "
    "FOR EACH ROW EXECUTE FUNCTION refuse_longer()",
    "CREATE TRIGGER sessions_seen BEFORE UPDATE OF last_seen_at ON sessions "
    "FOR EACH ROW EXECUTE FUNCTION refuse_seen_ahead()",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0025_confirmed_payments")]

    initial = False

    operations = [ops.RunSQL(list(STATEMENTS))]
