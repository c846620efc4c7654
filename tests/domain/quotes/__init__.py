"""Tests of domain/quotes."""
