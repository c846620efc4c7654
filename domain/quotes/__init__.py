"""What a refund will cost, how long it takes and what else could be done; and what it has cost."""
