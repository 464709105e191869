"""Looking after a pool: to whom its leads could go and why, and giving many of them out at once.

Owns nothing; publishes LeadAssigned by way of `pool`.
Consumes nothing: it asks `assignment` who stands how, and `pool` who may.
"""
