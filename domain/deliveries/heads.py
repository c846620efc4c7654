"""What must always be true of what is to be delivered, as a query as domain/invariants explains it."""

from typing import Final

# Whoever is at the head of an ordering key has a moment; only what stands behind it has none. A head without one is
# taken by nobody, and all behind it waits for ever.
HEADS: Final = """
        SELECT format('delivery %s of endpoint %s: the first that is pending of %s, and never due', h.id,
                 h.endpoint_id, coalesce(h.ordering_key, 'no key')) AS detail, NULL::uuid AS payment_id
        FROM (SELECT DISTINCT ON (d.endpoint_id, d.ordering_key) d.id, d.endpoint_id, d.ordering_key, d.due_at
            FROM deliveries d WHERE d.state = 'PENDING' AND d.ordering_key IS NOT NULL
            ORDER BY d.endpoint_id, d.ordering_key, d.id) h
        WHERE h.due_at IS NULL
        UNION ALL
        SELECT format('delivery %s of endpoint %s: it waits for none, and is never due', d.id, d.endpoint_id),
                 NULL::uuid
        FROM deliveries d WHERE d.state = 'PENDING' AND d.ordering_key IS NULL AND d.due_at IS NULL"""
