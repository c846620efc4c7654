"""What is used, of which plan."""
