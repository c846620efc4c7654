"""Receivers of webhooks, in the languages of docs/webhooks.md."""
