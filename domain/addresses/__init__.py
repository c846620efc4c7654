"""Where we may send what somebody else has named: the public internet by https, and what the operator has opened.

Pure: `names` judges what an address says of itself, `networks` what its name resolved to. Whoever connects asks both
(jobs/wire/outside).
"""
