"""Owns the tree of units, the users, their transfers, and exchange rates.

Publishes `cox.org.unit_defined`, `user_defined`, `rep_moved`, `access_changed`, `rate_set`, all of the
tenant's one aggregate; consumes nothing.
"""
