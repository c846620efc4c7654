"""Many refunds, or many payments, from a sheet: read, judged row by row, confirmed, worked off, followed."""
