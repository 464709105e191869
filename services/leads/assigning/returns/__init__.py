"""Leads that their owners call invalid: approved, the lead goes into a pool and the turn comes back.

Owns `lead_returns`, `return_terms` and timers; publishes ReturnWarned, ReturnOverdue and ReturnTermsDefined.
Consumes nothing: assigning and releasing are its neighbours'.
"""
