"""Merging leads that are one, undoing it, and what a merge takes over.

Owns nothing: `parts` holds what was merged, `intake` the fields. Publishes lead_merged, lead_unmerged,
lead_absorbed and lead_separated. Consumes nothing.
"""
