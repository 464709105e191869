"""Owns what was done: calls, visits, e-mails, meetings, demos, messages, tasks, as they were recorded.

Publishes `cox.activities`.
Consumes `cox.leads` (which leads there are, whose, where) and `cox.org` (people, units).
"""
