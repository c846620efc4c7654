"""Four eyes: what needs whose yes (rules, needs), who may say it (involved, delegations), and saying it (decide)."""
