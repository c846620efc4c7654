"""Shops that speak the published protocols over real HTTP. Each keeps what money it has moved itself: the oracle."""
