"""Somebody leaves or is away: their open leads go to others by rule, as previewed; who is back soon gets back
what nobody touched.

Owns `handovers` and `handed_leads`; publishes LeadAssigned and LeadPooled.
Consumes RepLeft and RepReturned: each is done in the background, by a timer.
"""
