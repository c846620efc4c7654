"""Chat robots, PagerDuty and a mail relay as they publish their protocols: signatures checked, limits enforced."""
