"""The night as an operator sees it: types, fields, what is handed in, what is expected, and following a run."""
