"""Mabang (马帮), an ERP: it tells nothing by itself, its lists are looked at."""
