"""Accounts at PSEs: applied for, reviewed, put to work and suspended."""
