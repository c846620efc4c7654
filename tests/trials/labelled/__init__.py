"""Nights over made-up months whose every finding is known: does each kind find all of its own, and nothing else?"""
