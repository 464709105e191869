"""Spouse, parents and children of a lead's person: one customer, where the policy of duplicates says so.

Owns no table: `duplicates` holds them, since new leads are held against them. Publishes LeadUpdated by way of
`intake`; consumes nothing.
"""
