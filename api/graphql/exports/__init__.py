"""Exports to files, and sheets of decisions that come back: types, fields, what is asked for."""
