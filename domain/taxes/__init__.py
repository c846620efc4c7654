"""VAT of refunds: the rules, what has to be taken back, the documents that do it, deadlines and the monthly report."""
