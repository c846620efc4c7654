"""Four eyes: what needs whose yes, who may say it, and saying it.

Pure are rules, defaults, weigh and looser; the others gather, keep and count. See docs/approvals.md.
"""
