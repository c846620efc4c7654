"""What an auditor asks for, and what the owner may take away: retention, evidence of a month."""
