"""Settlement reports as they are stored: reports, storable (what the database can hold), own_lines (a refund's own line
takes the place of a nameless one), plain_lines (one that tells what was settled takes that of one that does not),
repeats (dates that another report makes to be read again); and what of them is booked: booked (what each line's money
is), batches (per report, store and currency), payouts, balances.
"""
