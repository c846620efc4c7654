"""An event keeps who did it, and not their name alone: the party that answers for it, the token or the session.

A seal says which bytes it was made over: those of a version before lack the three, and a sealer of it goes on. A feed
reads the seals of events, however many deeds lie between them.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = (
    "ALTER TABLE event_seals ALTER COLUMN version SET DEFAULT 1",  # what older processes write does not say so
    "CREATE INDEX events_of_party ON events (merchant_id, party, id) WHERE party IS NOT NULL",
    "CREATE INDEX deeds_of_party ON deeds (merchant_id, party, id) WHERE party IS NOT NULL",
    "CREATE INDEX event_seals_of_events ON event_seals (merchant_id, position) WHERE event_id IS NOT NULL",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0035_shown_captured")]

    initial = False

    operations = [
        *(
            ops.AddField(model_name="Event", name=name, field=fields.UUIDField(null=True))
            for name in ("party", "token_id", "session_id")
        ),
        ops.AddField(model_name="EventSeal", name="version", field=fields.SmallIntField(default=1)),
        ops.RunSQL(list(STATEMENTS)),
    ]
