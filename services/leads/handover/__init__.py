"""Somebody leaves or is away: their open leads go to others by rule, as previewed.

Owns nothing; publishes LeadAssigned and LeadPooled.
Consumes nothing.
"""
