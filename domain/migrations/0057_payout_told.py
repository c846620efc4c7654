"""What a report tells of a payout stands beside what of it counts there: the rest may be counted by other reports.

Until now what a part had left to others was not kept. Of a payout that is told in both ways a part is taken to have
told what it counts and what the parts before it had counted in the other way; those reports are read again, once.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_IN_FORCE = "t.voided_at IS NULL AND o.voided_at IS NULL AND (o.line IS NULL) <> (t.line IS NULL)"
# Of the part `t`: what counts of the other way, of the same sign.
_BEFORE = """coalesce((SELECT sum(o.{one}) FROM payout_parts o WHERE o.payout_id = t.payout_id AND o.id < t.id
  AND o.settled_currency = t.settled_currency AND {in_force} AND sign(o.{one}) = sign(t.{one})), 0)"""
STATEMENTS = [
    "UPDATE payout_parts t SET told_amount = amount + "  # noqa: S608
    f"{_BEFORE.format(one='amount', in_force=_IN_FORCE)}, told_settled = settled + "
    f"{_BEFORE.format(one='settled', in_force=_IN_FORCE)}",
    "UPDATE reports SET repeat_since = clock_timestamp() WHERE superseded_at IS NULL AND retired_at IS NULL "  # noqa: S608
    "AND id IN (SELECT t.report_id FROM payout_parts t JOIN payout_parts o ON o.payout_id = t.payout_id "
    f"WHERE {_IN_FORCE})",
]


class Migration(migrations.Migration):
    """Two columns, what they say of what is there, and a mark."""

    dependencies = [("models", "0056_console")]
    operations: list[Any] = [
        ops.AddField(model_name="PayoutPart", name="told_amount", field=fields.BigIntField(default=0)),
        ops.AddField(model_name="PayoutPart", name="told_settled", field=fields.BigIntField(default=0)),
        ops.RunSQL(list(STATEMENTS)),
    ]
