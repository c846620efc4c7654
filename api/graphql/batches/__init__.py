"""Sheets of refunds and payments."""
