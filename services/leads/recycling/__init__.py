"""How long owners keep leads: warned before their term ends, then the lead goes back into a pool.

Owns `extensions`, and timers; publishes RecycleWarned, and LeadPooled by way of `pool`.
Consumes LeadAssigned, LeadPooled, StageChanged and PoolDefined: each plans dates anew.
"""
