"""Where news goes: endpoints, what was delivered to each, and sending it again."""
