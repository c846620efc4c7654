"""What clients of ours run, with the official libraries of their languages."""
