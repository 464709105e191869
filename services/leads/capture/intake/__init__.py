"""Taking leads in: one, a batch of a thousand, changes to them, and reading them.

Owns `leads` and `lead_changes`; publishes LeadCreated and LeadUpdated.
Consumes nothing: other rooms change leads through this room's use cases.
"""
