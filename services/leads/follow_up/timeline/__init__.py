"""One line of time per lead: created, changed, assigned, moved, and what was done.

Owns nothing; it puts together what the rooms below remember.
Publishes and consumes nothing.
"""
