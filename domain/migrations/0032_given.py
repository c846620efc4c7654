"""The application's role gives nobody anything by itself: whoever is given something was given it by somebody.

A token, a person, a link, a part in a merchant and a merchant's own role are added by the owner of the database, or in
the name of somebody whose secret (a bearer token, or a session's) is shown and stands in a live row of that merchant,
or of its platform. The application's role knows digests only. A session is begun with a link's secret.
"""

from typing import Final

from tortoise import migrations
from tortoise.migrations import operations as ops

_PATH: Final = "SET search_path = pg_catalog, pg_temp"
# The SHA-256 of what is shown, hex; null: nothing is.
_SHOWN: Final = f"""CREATE FUNCTION shown_digest() RETURNS text LANGUAGE sql STABLE {_PATH} AS $$
    SELECT encode(sha256(convert_to(nullif(current_setting('estorno.giver', true), ''), 'UTF8')), 'hex') $$"""
_GIVEN: Final = f"""CREATE FUNCTION is_given_at(place uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER {_PATH}
AS $$
    WITH places AS (SELECT m.id FROM public.merchants m WHERE m.id = place
        UNION SELECT m.platform_id FROM public.merchants m WHERE m.id = place AND m.platform_id IS NOT NULL)
    SELECT EXISTS (SELECT FROM public.tokens t WHERE t.digest = public.shown_digest() AND t.revoked_at IS NULL
            AND t.expires_at > now() AND t.merchant_id IN (SELECT id FROM places))
        OR EXISTS (SELECT FROM public.sessions s JOIN public.people p ON p.id = s.person_id
            JOIN public.grants g ON g.person_id = p.id AND g.ended_at IS NULL
            WHERE s.digest = public.shown_digest() AND s.revoked_at IS NULL AND s.expires_at > now()
            AND p.state = 'ACTIVE' AND g.merchant_id IN (SELECT id FROM places)) $$"""  # noqa: S608
# What the owner does is the owner's. In a database where nobody may anything yet, the first steps are anybody's.
_REFUSE: Final = f"""CREATE FUNCTION refuse_ungiven() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {_PATH} AS $$
DECLARE
    place uuid;
    given boolean;
BEGIN
    IF pg_has_role(session_user, current_user, 'USAGE') THEN
        RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'sessions' THEN
        given := EXISTS (SELECT FROM public.sign_in_links l WHERE l.digest = public.shown_digest()
            AND l.person_id = NEW.person_id AND l.expires_at > now() AND l.used_at = now());
    ELSIF TG_TABLE_NAME = 'sign_in_links' THEN
        SELECT p.merchant_id INTO place FROM public.people p WHERE p.id = NEW.person_id;
        given := public.is_given_at(place) OR NOT (EXISTS (SELECT FROM public.sign_in_links)
            OR EXISTS (SELECT FROM public.sessions) OR EXISTS (SELECT FROM public.tokens));
    ELSE
        given := public.is_given_at(NEW.merchant_id) OR NOT (EXISTS (SELECT FROM public.grants)
            OR EXISTS (SELECT FROM public.tokens));
    END IF;
    IF given IS NOT TRUE THEN
        RAISE EXCEPTION '% is given by nobody: it takes the secret of somebody who may, or the owner of the database',
            TG_TABLE_NAME USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$"""  # noqa: S608
_ADDED: Final = ("tokens", "people", "sign_in_links", "grants", "roles", "sessions")
STATEMENTS: Final = (
    _SHOWN,
    _GIVEN,
    _REFUSE,
    *(
        f"CREATE TRIGGER {table}_given BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_ungiven()"
        for table in _ADDED
    ),
    # A person who was suspended is had back by somebody, too.
    "CREATE TRIGGER people_had_back BEFORE UPDATE OF state ON people FOR EACH ROW "
    "WHEN (OLD.state IS DISTINCT FROM 'ACTIVE' AND NEW.state = 'ACTIVE') EXECUTE FUNCTION refuse_ungiven()",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0028_deeds")]

    initial = False

    operations = [ops.RunSQL(list(STATEMENTS))]
