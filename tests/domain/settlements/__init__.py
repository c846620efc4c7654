"""Tests of domain/settlements."""
