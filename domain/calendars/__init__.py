"""Days on which banks work, by country. Pure: what a person knows better is given in."""
