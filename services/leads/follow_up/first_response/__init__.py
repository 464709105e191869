"""How long owners have until they first respond: warned, overdue, escalated, then another has the lead.

Owns response rules and the clocks started by them; publishes ResponseWarned, ResponseOverdue, ResponseGiven
and ResponseRuleDefined. Consumes LeadAssigned, and by way of `touches` what activities published.
"""
