"""Public pools: leads that nobody owns, and who may take which of them.

Owns `pools`, `pool_claims`, `pool_coolings`, `pool_entries`; publishes PoolDefined, LeadPooled and, for a
claim, LeadAssigned.
Consumes nothing itself: what no rule finds anybody for comes in by way of `assignment`.
"""
