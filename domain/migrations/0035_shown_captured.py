"""What a PSE shows of a payment bounds what is refunded of it; what it cannot prove waits for a second person."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# domain/refunds/states.MOVES as it was when this was written: 0006, and back to people who must say yes.
FIRST_STATES = ("AWAITING_DESTINATION", "AWAITING_APPROVAL", "REQUESTED")
MOVES = {
    "AWAITING_DESTINATION": ("AWAITING_APPROVAL", "REQUESTED", "CANCELED", "EXPIRED"),
    "AWAITING_APPROVAL": ("REQUESTED", "REJECTED", "CANCELED", "EXPIRED"),
    "REQUESTED": (
        "AWAITING_APPROVAL",
        "SUBMITTED",
        "MANUAL",
        "CANCELED",
        "EXPIRED",
        "PENDING",
        "SUCCEEDED",
        "FAILED",
        "RETURNED",
    ),
    "SUBMITTED": ("REQUESTED", "PENDING", "SUCCEEDED", "FAILED", "RETURNED"),
    "PENDING": ("SUCCEEDED", "FAILED", "RETURNED"),
    "MANUAL": ("REQUESTED", "SUCCEEDED", "FAILED", "CANCELED", "RETURNED"),
    "SUCCEEDED": ("RETURNED",),
}
_ALLOWED = ", ".join(f"'{old}>{new}'" for old, states in MOVES.items() for new in states)
CHECKS = {
    "payments_shown_whole": "num_nonnulls(shown_captured, shown_gone) IN (0, 2)",
    "payments_shown_not_negative": "shown_captured >= 0 AND shown_gone >= 0",
    "payments_shown_confirmed": "shown_captured IS NULL OR confirmed_at IS NOT NULL",
}
STATEMENTS = [
    *(f"ALTER TABLE payments ADD CONSTRAINT {name} CHECK ({condition})" for name, condition in CHECKS.items()),
    "DROP TRIGGER refunds_move ON refunds",
    "CREATE TRIGGER refunds_move BEFORE UPDATE OF state ON refunds FOR EACH ROW "
    f"WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({_ALLOWED})) "
    "EXECUTE FUNCTION refuse_move()",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0034_second_factor")]

    initial = False

    operations = [
        ops.AddField(model_name="Payment", name="shown_captured", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Payment", name="shown_gone", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Payment", name="asked_from", field=fields.DatetimeField(null=True)),
        ops.RunSQL(STATEMENTS),
    ]
