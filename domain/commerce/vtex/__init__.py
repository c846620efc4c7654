"""VTEX: we are its payment provider, and it asks us for refunds (Payment Provider Protocol)."""
