"""What must always be true of what shops said and are told, as a query as domain/invariants explains it."""

from typing import Final

# Whatever came with a 2xx is worked out, due to be, or a person's; what became of it was told, is due to be, or a
# person knows that it was not. Of a shop that asks, its one answer is the last; a paused one rests, and so does
# what is of another place's order.
SHOPS: Final = """
        SELECT format('message %s of shop %s: not worked out, and never due', n.id, n.shop_id) AS detail,
          NULL::uuid AS payment_id
        FROM shop_notices n JOIN shops s ON s.id = n.shop_id AND s.state <> 'RETIRED'
        WHERE n.applied_at IS NULL AND n.due_at IS NULL
        UNION ALL
        SELECT format('refund %s of shop %s: not worked out, and never due', r.id, r.shop_id), NULL::uuid
        FROM shop_refunds r JOIN shops s ON s.id = r.shop_id AND s.state <> 'RETIRED'
        WHERE r.state = 'RECEIVED' AND r.due_at IS NULL
        UNION ALL
        SELECT format('refund %s of shop %s: told %s, refund %s is %s, and it is not due', r.id, r.shop_id,
                 coalesce(r.told_state, 'nothing'), f.id, f.state), r.payment_id
        FROM shop_refunds r JOIN shops s ON s.id = r.shop_id AND s.state = 'ACTIVE'
        JOIN refunds f ON f.id = r.refund_id
          AND f.state IN ('SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED', 'RETURNED')
        WHERE r.due_at IS NULL AND r.waits_since IS NULL AND r.decided_at IS NULL
          AND r.told_state IS DISTINCT FROM f.state AND r.told_state IS DISTINCT FROM 'NO_ORDER'
          AND (r.told_state IS NULL OR s.kind NOT IN ('VTEX', 'SHOPIFY_PAYMENTS'))
          AND EXISTS (SELECT 1 FROM events e JOIN event_seals p ON p.event_id = e.id
            WHERE e.refund_id = f.id AND e.state = f.state AND p.position <= s.history_position)"""
