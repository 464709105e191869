"""Public pools: leads and customers that nobody owns, who may take which, and who gives them to others.

Owns `pools`, `pool_claims`, `pool_coolings`, `pool_entries`; publishes PoolDefined, LeadPooled and, for a
claim or a gift, LeadAssigned.
Consumes nothing itself: what no rule finds anybody for comes in by way of `assignment`.
"""
