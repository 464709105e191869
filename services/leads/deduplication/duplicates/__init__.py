"""Exact duplicates: the first lead that has a phone or an e-mail address.

Owns `duplicate_keys`; publishes nothing (the lead's own event says `duplicate_of`).
Consumes nothing: `intake` claims keys as it stores leads.
"""
