"""Owns the API keys: how programs, partners' and one's own, get in.

Publishes `cox.gateway.api_key_issued`, `cox.gateway.api_key_revoked`; consumes nothing.
"""
