"""A trigger that looks something up sees all of it, whoever the connection asks for, and refuses where it sees nothing.

As the application's role it would see what the setting of the moment shows: one that was moved before the commit showed
no payment, and nothing is not distinct from nothing. As the owner of the tables it is behind no wall.
"""

from typing import Final

from tortoise import migrations
from tortoise.migrations import operations as ops

_AS_OWNER: Final = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS"
_REFUSED: Final = "USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME"
_MISCOUNT: Final = f"""
CREATE OR REPLACE FUNCTION refuse_miscount() RETURNS trigger {_AS_OWNER} $$
DECLARE
    counted uuid;
    told record;
BEGIN
    IF TG_TABLE_NAME = 'payments' THEN counted := NEW.id; ELSE counted := NEW.payment_id; END IF;
    SELECT p.reserved, p.refunded, p.tax_allocated, r.* INTO told FROM public.payments p CROSS JOIN (
        SELECT coalesce(sum(amount) FILTER (WHERE state NOT IN (
                   'SUCCEEDED', 'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')), 0) AS reserving,
               coalesce(sum(amount) FILTER (WHERE state = 'SUCCEEDED'), 0) AS refunding,
               coalesce(sum(tax_amount) FILTER (WHERE state NOT IN (
                   'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')), 0) AS taxing
        FROM public.refunds WHERE payment_id = counted) r WHERE p.id = counted;
    IF NOT FOUND OR (told.reserved, told.refunded, told.tax_allocated) IS DISTINCT FROM
       (told.reserving, told.refunding, told.taxing) THEN
        RAISE EXCEPTION 'payment % counts % reserved, % refunded, % tax; its refunds say %, %, %', counted,
            told.reserved, told.refunded, told.tax_allocated, told.reserving, told.refunding, told.taxing
            {_REFUSED};
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 - ours
_MISCHARGE: Final = f"""
CREATE OR REPLACE FUNCTION refuse_mischarge() RETURNS trigger {_AS_OWNER} $$
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
    IF NOT FOUND OR told.charged_back IS DISTINCT FROM told.booked THEN
        RAISE EXCEPTION 'payment % counts % charged back; its entries say %', counted, told.charged_back, told.booked
            {_REFUSED};
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 - ours
_OWN_APPROVAL: Final = f"""
CREATE OR REPLACE FUNCTION refuse_own_approval() RETURNS trigger {_AS_OWNER} $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.refunds WHERE id = NEW.refund_id AND merchant_id = NEW.merchant_id) THEN
        RAISE EXCEPTION 'there is no refund % of this merchant to decide on', NEW.refund_id {_REFUSED};
    END IF;
    IF EXISTS (SELECT 1 FROM public.refunds WHERE id = NEW.refund_id
           AND requested_by_id IN (NEW.decided_by_id, NEW.delegated_by_id))
       OR EXISTS (SELECT 1 FROM public.destinations WHERE refund_id = NEW.refund_id AND superseded_at IS NULL
           AND provided_by_id IN (NEW.decided_by_id, NEW.delegated_by_id))
       OR EXISTS (SELECT 1 FROM public.destination_links WHERE refund_id = NEW.refund_id
           AND created_by_id IN (NEW.decided_by_id, NEW.delegated_by_id)) THEN
        RAISE EXCEPTION 'refund % is decided on by another person than those who have a part in it', NEW.refund_id
            {_REFUSED};
    END IF;
    RETURN NEW;
END $$
"""  # noqa: S608 - ours
_UNAPPROVED: Final = f"""
CREATE OR REPLACE FUNCTION refuse_unapproved() RETURNS trigger {_AS_OWNER} $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.refunds WHERE id = NEW.id)
       OR EXISTS (SELECT 1 FROM public.approval_needs WHERE refund_id = NEW.id AND ended_at IS NULL AND met_at IS NULL)
    THEN
        RAISE EXCEPTION 'refund % is not cleared to go: what it needs is not met', NEW.id {_REFUSED};
    END IF;
    RETURN NEW;
END $$
"""  # noqa: S608 - ours
STATEMENTS: Final = (
    _MISCOUNT,
    _MISCHARGE,
    _OWN_APPROVAL,
    _UNAPPROVED,
    # It looks for the event before, which a first one lacks.
    "ALTER FUNCTION stamp_event() SECURITY DEFINER SET search_path = pg_catalog, pg_temp",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0032_given")]

    initial = False

    operations = [ops.RunSQL(list(STATEMENTS))]
