"""What was told before or after: chargebacks, lines of payments registered later, VAT declared after a refund."""

from enum import StrEnum

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
Entry = StrEnum(
    "Entry",
    [
        (word, word)
        for word in [
            "CAPTURE",
            "DECLARE_TAX",
            "DECLARE_REFUND_TAX",
            "RECOGNISE",
            "UNRECOGNISE",
            "PAY",
            "PAY_BY_BANK",
            "RETURN",
            "RETURN_TO_BANK",
            "TAKEN",
            "TAKEN_BACK",
            "CHARGEBACK",
            "CHARGEBACK_REVERSED",
            "PROVE_CAPTURES",
            "PROVE_REFUNDS",
            "PROVE_RETURNS",
            "PROVE_TAKEN",
            "PROVE_CHARGEBACKS",
        ]
    ],
)


# What the customer's bank took back is what its entries say, at every commit. Both sides ask: the counter that is
# changed, and the entry that is added.
_FUNCTIONS = (
    """
CREATE FUNCTION refuse_mischarge() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted uuid;
    told record;
BEGIN
    IF TG_TABLE_NAME = 'payments' THEN counted := NEW.id; ELSE counted := NEW.payment_id; END IF;
    SELECT p.charged_back,
           coalesce(sum(CASE WHEN e.debit = 'CHARGEBACKS' THEN e.amount ELSE -e.amount END), 0) AS booked
        INTO told FROM public.payments p LEFT JOIN public.ledger_entries e
        ON e.payment_id = p.id AND e.entry IN ('CHARGEBACK', 'CHARGEBACK_REVERSED')
        WHERE p.id = counted GROUP BY p.id;
    IF told.charged_back IS DISTINCT FROM told.booked THEN
        RAISE EXCEPTION 'payment % counts % charged back; its entries say %', counted, told.charged_back, told.booked
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION refuse_other_tax() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refund % has % of VAT already', OLD.id, OLD.tax_amount
        USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$
""",
)
_DEFERRED = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN"
_TRIGGERS = (
    f"CREATE CONSTRAINT TRIGGER payments_charged_back_new AFTER INSERT ON payments {_DEFERRED} "
    "(NEW.charged_back <> 0) EXECUTE FUNCTION refuse_mischarge()",
    f"CREATE CONSTRAINT TRIGGER payments_charged_back AFTER UPDATE OF charged_back ON payments {_DEFERRED} "
    "(OLD.charged_back <> NEW.charged_back) EXECUTE FUNCTION refuse_mischarge()",
    f"CREATE CONSTRAINT TRIGGER ledger_entries_charged_back AFTER INSERT ON ledger_entries {_DEFERRED} "
    "(NEW.entry IN ('CHARGEBACK', 'CHARGEBACK_REVERSED')) EXECUTE FUNCTION refuse_mischarge()",
    # A refund's VAT is given once: with the refund, or when the sale's VAT is declared after it.
    "CREATE TRIGGER refunds_tax_once BEFORE UPDATE OF tax_amount ON refunds FOR EACH ROW "
    "WHEN (OLD.tax_amount <> 0 AND OLD.tax_amount <> NEW.tax_amount) EXECUTE FUNCTION refuse_other_tax()",
    f"CREATE CONSTRAINT TRIGGER refunds_tax_counted AFTER UPDATE OF tax_amount ON refunds {_DEFERRED} "
    "(OLD.tax_amount <> NEW.tax_amount) EXECUTE FUNCTION refuse_miscount()",
)
# A payment that is registered looks for the lines that named it before anybody knew it.
_INDEXES = tuple(
    f"CREATE INDEX settlement_lines_unknown_{name} ON settlement_lines ({column}) "
    f"WHERE payment_id IS NULL AND voided_at IS NULL AND {column} IS NOT NULL"
    for name, column in (("payment", "payment_reference"), ("alias", "payment_alias"))
)


class Migration(migrations.Migration):
    dependencies = [("models", "0009_parts")]

    operations = [
        ops.AddField(model_name="Payment", name="charged_back", field=fields.BigIntField(default=0)),
        ops.AddField(model_name="Report", name="repeat_since", field=fields.DatetimeField(null=True)),
        ops.AddField(
            model_name="DoubtVerdict", name="pse_reference", field=fields.CharField(null=True, max_length=100)
        ),
        ops.AlterField(
            model_name="LedgerEntry",
            name="entry",
            field=fields.CharEnumField(
                description="CAPTURE: CAPTURE\n"
                "DECLARE_TAX: DECLARE_TAX\n"
                "DECLARE_REFUND_TAX: DECLARE_REFUND_TAX\n"
                "RECOGNISE: RECOGNISE\n"
                "UNRECOGNISE: UNRECOGNISE\n"
                "PAY: PAY\n"
                "PAY_BY_BANK: PAY_BY_BANK\n"
                "RETURN: RETURN\n"
                "RETURN_TO_BANK: RETURN_TO_BANK\n"
                "TAKEN: TAKEN\n"
                "TAKEN_BACK: TAKEN_BACK\n"
                "CHARGEBACK: CHARGEBACK\n"
                "CHARGEBACK_REVERSED: CHARGEBACK_REVERSED\n"
                "PROVE_CAPTURES: PROVE_CAPTURES\n"
                "PROVE_REFUNDS: PROVE_REFUNDS\n"
                "PROVE_RETURNS: PROVE_RETURNS\n"
                "PROVE_TAKEN: PROVE_TAKEN\n"
                "PROVE_CHARGEBACKS: PROVE_CHARGEBACKS",
                enum_type=Entry,
                max_length=24,
            ),
        ),
        ops.AlterField(model_name="SettlementLine", name="type", field=fields.CharField(max_length=24)),
        ops.RunSQL(
            [
                "ALTER TABLE payments ALTER COLUMN charged_back SET DEFAULT 0",
                *_FUNCTIONS,
                *_TRIGGERS,
                *_INDEXES,
            ]
        ),
    ]
