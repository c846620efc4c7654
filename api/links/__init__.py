"""A small REST face for tools that link programs: hooks that are subscribed to, and samples of what they bring."""
