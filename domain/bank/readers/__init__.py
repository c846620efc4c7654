"""The forms in which banks give statements. Each reads a whole file, or says in which line it cannot."""
