"""Showing leads: one, or pages by filters and words, with those of the pools that are open to the caller.

Owns nothing; publishes nothing.
Consumes nothing: it asks `intake`, `search` and `pool`.
"""
