"""Four eyes for programs: what needs whose yes, what waits for mine, the rules and caps, and lending one's right."""
