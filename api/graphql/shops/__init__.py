"""Shops and ERPs: connected, looked at, and what of theirs waits for a person."""
