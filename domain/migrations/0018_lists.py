"""Lists find their page by an index, however long ago it was; indexes that nothing reads are gone from the hot write.

Gone are: `ledger_entries (merchant_id, currency, accounting_date)`, which balances read until they began at
checkpoints, and which each posting wrote; `calls (request_id)`, because a request's calls are found through its refund;
and `settlement_lines (report_id)`, with which the unique index on report and line begins.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    # Nine of ten refunds have succeeded, and a page of those is found by the merchant's own order. The others are found
    # here in that order, with the state in the index, so that a rare one is not looked for among their rows. It takes
    # the place of the index on connection and state: no refund is in more indexes than before, a paid one in one less.
    "CREATE INDEX refunds_not_succeeded ON refunds (merchant_id, created_at, id, state) WHERE state <> 'SUCCEEDED'",
    "DROP INDEX refunds_by_connection_state",
    # Mostly nobody waits for a person, and then all of a merchant's refunds were read to find none.
    "CREATE INDEX refunds_need_person ON refunds (merchant_id, created_at, id) WHERE needs_person_since IS NOT NULL",
    # Beside `payments_reference_once`: together they have each payment once, and this one has next to none.
    "CREATE INDEX payments_withdrawn ON payments (connection_id, pse_reference) WHERE withdrawn_at IS NOT NULL",
    # Nights write findings, no request does: a page of one kind, and what is known of a payment.
    "CREATE INDEX findings_of_kind ON findings (merchant_id, kind, created_at, id)",
    "CREATE INDEX findings_of_payment ON findings (payment_id) WHERE payment_id IS NOT NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0017_ledger_checkpoints")]

    initial = False

    operations = [
        ops.RemoveIndex(model_name="LedgerEntry", fields=["merchant_id", "currency", "accounting_date"]),
        ops.AlterField(model_name="Call", name="request_id", field=fields.CharField(max_length=64)),
        ops.AlterField(model_name="SettlementLine", name="report_id", field=fields.UUIDField()),
        ops.RunSQL(list(STATEMENTS)),
    ]
