"""Owns the one public door: identity, the organisation, partners' keys, limits, imports, live events.

Publishes `cox.org` and `cox.gateway`. Consumes every topic for its live streams, without a consumer group.
"""
