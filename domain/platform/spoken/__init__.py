"""What people are told, in four languages: the sentences of the domain, whichever door they go out by."""
