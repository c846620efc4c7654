"""A person who has signed in has a token of their own, and whoever made the link by which they did stands behind it.

Such a token is made with the session's own secret, is the session's, and ends with it.
"""

from typing import Final

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_PATH: Final = "SET search_path = pg_catalog, pg_temp"
_REFUSE: Final = f"""CREATE FUNCTION refuse_borrowed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {_PATH} AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.sessions s WHERE s.id = NEW.session_id AND s.person_id = NEW.person_id
        AND s.digest = public.shown_digest() AND s.revoked_at IS NULL AND s.expires_at >= NEW.expires_at
        AND s.vouched_by_id IS NOT DISTINCT FROM NEW.vouched_by_id) THEN
        RAISE EXCEPTION 'a personal token takes the secret of the session that it is made from'
            USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$"""  # noqa: S608 - ours
_END: Final = f"""CREATE FUNCTION end_personal_tokens() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {_PATH} AS $$
BEGIN
    UPDATE public.tokens SET revoked_at = now(), revoked_by = 'the end of its session'
        WHERE session_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END $$"""  # noqa: S608 - ours
STATEMENTS: Final = (
    "ALTER TABLE tokens DROP CONSTRAINT tokens_kind_known",
    "ALTER TABLE tokens ADD CONSTRAINT tokens_kind_known CHECK (kind IN ('SERVICE', 'CUSTOMER', 'PERSONAL'))",
    "ALTER TABLE tokens ADD CONSTRAINT tokens_personal_whole CHECK "
    "(num_nonnulls(person_id, session_id) = CASE kind WHEN 'PERSONAL' THEN 2 ELSE 0 END)",
    "ALTER TABLE tokens ADD CONSTRAINT tokens_of_session FOREIGN KEY (session_id) REFERENCES sessions (id) "
    "ON DELETE RESTRICT",
    "CREATE UNIQUE INDEX tokens_one_a_session ON tokens (session_id) "
    "WHERE session_id IS NOT NULL AND revoked_at IS NULL",
    "CREATE INDEX tokens_vouched ON tokens (party_id) WHERE vouched_by_id IS NOT NULL",
    _REFUSE,
    _END,
    "CREATE TRIGGER tokens_borrowed BEFORE INSERT ON tokens FOR EACH ROW WHEN (NEW.kind = 'PERSONAL') "
    "EXECUTE FUNCTION refuse_borrowed()",
    "CREATE TRIGGER sessions_end_tokens AFTER UPDATE OF revoked_at ON sessions FOR EACH ROW "
    "WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION end_personal_tokens()",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0037_ends_of_files")]

    initial = False

    operations = [
        *(
            ops.AddField(model_name=model, name=name, field=fields.UUIDField(null=True))
            for model, name in (
                ("SignInLink", "created_by_id"),
                ("Session", "vouched_by_id"),
                ("Token", "vouched_by_id"),
                ("Token", "person_id"),
                ("Token", "session_id"),
            )
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
