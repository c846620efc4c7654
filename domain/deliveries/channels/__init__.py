"""Channels: each speaks one published protocol, and knows no network and no database."""
