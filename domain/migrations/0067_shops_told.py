"""What waits for a person at a shop is told: news as it begins and ends, and alerts; and of a shop that is in trouble.

The database writes the news where it becomes true, as that of findings.
"""

from enum import StrEnum
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
_ALERTKIND: Final = (
    "REFUND_STUCK", "REFUND_FAILED", "REFUND_RETURNED", "DOUBT", "FINDING", "VAT_DEADLINE", "PSE_DOWN",
    "ACCESS_REFUSED", "REPORT_LATE", "EXPIRING", "INVARIANT_BROKEN", "BALANCE_LOW", "UNUSUAL_VOLUME",
    "CHANNEL_FAILING", "APPROVAL_WAITING", "WEBHOOKS_REFUSED", "SHOP_REFUND_WAITING", "SHOP_FAILING",
)  # fmt: skip
AlertKind = StrEnum("AlertKind", [(word, word) for word in _ALERTKIND])  # type: ignore[misc]
_KNOWN: Final = "(" + ", ".join(f"'{word}'" for word in _ALERTKIND) + ")"
_DEFINER: Final = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$"
_COLUMNS: Final = "merchant_id, store_id, kind, subject_kind, subject_id, data"
# The amount has no currency where the shop did not say how much. Another reason is other news of the same wait.
_REFUND: Final = f"""CREATE FUNCTION tell_shop_refund() {_DEFINER}
BEGIN
    INSERT INTO public.news ({_COLUMNS})
        SELECT NEW.merchant_id, s.store_id,
            CASE WHEN NEW.waits_since IS NULL THEN 'shop.refund_settled' ELSE 'shop.refund_waiting' END,
            'shop_refund', NEW.id::text,
            jsonb_build_object('shopId', s.id, 'shop', s.name, 'name', NEW.name, 'why', NEW.why, 'state', NEW.state,
                'orderReference', NEW.order_reference, 'orderNumber', NEW.order_number, 'amount', NEW.amount,
                'paymentId', NEW.payment_id, 'refundId', NEW.refund_id,
                'since', CASE WHEN TG_OP = 'UPDATE' AND NEW.waits_since IS NULL THEN OLD.waits_since
                  ELSE NEW.waits_since END)
            || CASE WHEN NEW.currency IS NULL THEN '{{}}'::jsonb
              ELSE jsonb_build_object('currency', NEW.currency) END
        FROM public.shops s WHERE s.id = NEW.shop_id;
    RETURN NULL;
END $$"""  # noqa: S608 - ours
_SHOP: Final = f"""CREATE FUNCTION tell_shop() {_DEFINER}
BEGIN
    INSERT INTO public.news ({_COLUMNS}) VALUES (NEW.merchant_id, NEW.store_id,
        CASE WHEN NEW.failing_since IS NULL THEN 'shop.recovered' ELSE 'shop.failing' END, 'shop', NEW.id::text,
        jsonb_build_object('name', NEW.name, 'kind', NEW.kind, 'state', NEW.state,
            'since', coalesce(NEW.failing_since, OLD.failing_since)));
    RETURN NULL;
END $$"""  # noqa: S608 - ours
STATEMENTS: Final = [
    *(
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_kind_known, "
        f"ADD CONSTRAINT {table}_kind_known CHECK (kind IN {_KNOWN})"
        for table in ("alert_rules", "alerts")
    ),
    _REFUND,
    _SHOP,
    "CREATE TRIGGER shop_refunds_tell AFTER UPDATE ON shop_refunds FOR EACH ROW "
    "WHEN ((OLD.waits_since IS NULL) <> (NEW.waits_since IS NULL) "
    "OR NEW.waits_since IS NOT NULL AND OLD.why IS DISTINCT FROM NEW.why) EXECUTE FUNCTION tell_shop_refund()",
    "CREATE TRIGGER shops_tell AFTER UPDATE ON shops FOR EACH ROW "
    "WHEN ((OLD.failing_since IS NULL) <> (NEW.failing_since IS NULL)) EXECUTE FUNCTION tell_shop()",
    "CREATE INDEX shops_failing ON shops (failing_since) WHERE failing_since IS NOT NULL",
]


def _kind() -> Any:
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in _ALERTKIND), enum_type=AlertKind, max_length=20
    )


class Migration(migrations.Migration):
    """Two kinds of alert, and what writes the news of shops."""

    dependencies = [("models", "0066_console_speed")]

    initial = False

    operations = [
        ops.AlterField(model_name="Alert", name="kind", field=_kind()),
        ops.AlterField(model_name="AlertRule", name="kind", field=_kind()),
        ops.RunSQL(list(STATEMENTS)),
    ]
