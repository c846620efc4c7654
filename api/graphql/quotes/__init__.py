"""What PSEs charge and what money is worth, and what a refund will cost by it."""
