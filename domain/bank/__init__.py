"""What the merchant's bank says: its statements, and the payouts of PSEs that they prove."""
