"""Histories of payments with their labels: what a night must find is written down by what made the data.

shape (columns), chance, names (what a PSE calls things): what all use
bulk (ordinary days, in columns), teller and stories* (planted ones, and those that only look so): what happened
layouts/ (a PSE's own files), bank, documents: how it is told
write (a folder, day by day), histories (which situation is played where)

It knows nothing of how reports are matched: a contract of pyproject.toml holds that.
"""
