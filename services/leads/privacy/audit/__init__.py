"""The trail of what was done with leads: who, when, from where, and what it was before.

Owns `audit_entries`; publishes and consumes nothing: each transaction that records events of leads is told
here before it commits, whoever's it is (`Database`'s ledger).
"""
