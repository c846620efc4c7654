"""Tortoise migrations, in order. Expand, then contract: the version before runs against the newest schema."""
