"""Shops and ERPs: how a merchant's shop hands in its refunds and hears what became of them."""
