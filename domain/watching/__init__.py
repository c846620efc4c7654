"""How all stands, as numbers: what Prometheus is told beside what each process counts of itself."""
