"""Refunds. The way of one, room by room:

asked for   request, insert, find, withdraw, refresh; destination/, approvals (who may have the money, and who said yes)
decided     states (the table of moves, pure), moves (state, counters, entries and event together)
sent        next_step (what is due), work (what the worker gets), attempts, schedule, intervals, listing, held
answered    news (what was said), doubt_table (what of it is believed), record (the one door),
            doubted, paid_after_end (what is said after the end)
named       pse_names, learned, corrected (the PSE's name of a refund)
by people   doubt, by_hand, in_hand, call_person
"""
