"""Owns the way in: who is asking (access token or API key), how much they may ask, and where a path leads.

Publishes and consumes nothing; it reads identity, partners and the organisation through their use cases.
"""
