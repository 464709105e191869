"""Many leads, by filters and wherever they lie, are given to others: previewed, then at once or in portions.

Owns `reassignments` and `kept_leads`; publishes LeadAssigned.
Consumes nothing: large ones go on by timers.
"""
