"""Reading tax documents: what a file says, by its layout, and nothing that it does not say."""
