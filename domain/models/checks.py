"""When the books were compared, and up to where. Added, never changed."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Check(Model):
    """The next comparison of what has changed begins at these ids, and looks again at what stands."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField()  # before anything was read
    whole = fields.BooleanField()  # of all that there is, not only of what had changed
    events = fields.BigIntField()  # the ids up to which each table was compared
    ledger_entries = fields.BigIntField()
    settlement_lines = fields.BigIntField()
    listed_money = fields.BigIntField()
    standing = fields.JSONField[dict[str, Any]]()  # "payments" and "invariants" that were broken

    class Meta:
        table = "checks"
