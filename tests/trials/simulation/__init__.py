"""A deterministic simulation of the life of refunds: the real domain on a real PostgreSQL, and everything else ours.

The clock (the database's `now()`), the PSE, the bell, people and crashes are simulated, and Hypothesis decides what
happens next. What must always hold is checked after every step.
"""
