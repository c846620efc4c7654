"""Alerts: what people must act on, who has taken it on, and by which rules they are told."""
