"""Reconciliation. The way of a night, room by room:

begun       nights (the run as a row), to_repeat (dates that are read again)
read        readings (what is wrong with the file itself), known (what the books know), told_lines
matched     match, captures, nameless (lines without a refund's name that are given to one), nobodys (to none); all pure
entered     reconcile (the run), enter (line by line, by the one door), shortfall (told, and less is booked)
taken back  revised (lines that a newer report has no longer), unreturned (our refund came back, or failed, no longer),
            back_no_longer (the same of money that is nobody's)
flagged     compare (findings, pure), flag, no_longer (findings that close), manifest (what the night leaves behind)
"""
