"""Leads: who they are, who works on them, and how far they have come.

Owns leads, assignment rules and their explanations, pipelines, moves and history; publishes `cox.leads`.
Consumes `cox.org` (directory, the default pipeline), `cox.activities` (criteria, timeline) and its own
`lead_created`.
"""
