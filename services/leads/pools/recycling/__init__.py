"""How long owners keep leads: warned before their term ends, then the lead goes back into a pool.

Owns `extensions`, `term_locks`, `warnings_given`, timers; publishes RecycleWarned, and LeadPooled by `pool`.
Consumes LeadAssigned, LeadPooled, StageChanged and PoolDefined: each plans dates anew.
"""
