"""What a merchant uses in a calendar month, and how much of it its plan holds."""
