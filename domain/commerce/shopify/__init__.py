"""Shopify: its Admin API and webhooks (told), and its payments app (asked)."""
