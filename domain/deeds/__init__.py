"""Who did what and who read what, written where it becomes true; `domain/history` seals and reads it."""
