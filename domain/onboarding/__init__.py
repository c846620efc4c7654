"""How an account at a PSE comes to life.

states        which step leads where, and who may take it
applications  taking a step: documents first, another person reviews, nothing moves money before the end
documents     what must be handed in
drafts        a new connection, of the fields that its PSE wants
locks         the lock that every change takes first
"""
