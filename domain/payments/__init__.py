"""Payments, and what leaves them without a refund of ours.

kept        register, orders, customers, withdrawals, told_before (what was said before it was registered)
refundable  refundable (window, amount, parts), declared, vat
taken       external (by its name), unnamed (without one), taken_otherwise (two amounts of one name), witnessed
            (the PSE's own word), chargebacks, chargeback_proofs (which lines prove them)
"""
