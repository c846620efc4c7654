"""Attacks on the running product: what each costs it, and what it answers."""
