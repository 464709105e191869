"""Leads: who they are, who works on them and until when, and how far they have come.

Owns leads with their custom fields, classes, duplicates and merges; pools and claims, assignment rules and
their explanations, the clocks of first responses, pipelines, moves and history, automation and its runs,
handovers and reassignments; views and exports; campaigns; consents, the trail of changes and readings,
and what is forgotten. Publishes `cox.leads`.
Consumes `cox.org` (directory, working time, the default pipeline, who leaves), `cox.activities` (criteria,
timeline, responses), `cox.scoring` (what reps reach, for their shares) and what happens to its own leads.
"""
