"""Tables for other programs as files that expire, and sheets of decisions that come back filled in."""
