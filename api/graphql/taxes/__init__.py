"""VAT of refunds as accounting works on it: reversals, tax documents, rules, the month's report."""
