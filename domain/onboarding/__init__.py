"""How an account at a PSE comes to life.

states        which step leads where, and who may take it
applications  taking a step: documents first, another person reviews, nothing moves money before the end
documents     what must be handed in
drafts        a new connection, of the fields that its PSE wants
locks         the lock that every change takes first
preflight     what the PSE says of the account before money depends on it
certification a series of refunds in a test environment; certificate: its signed report
runs          both as rows: asked for, taken by one worker at a time, ended once
"""
