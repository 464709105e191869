"""The embedded stack: PostgreSQL, Kafka and the four services on one machine, without containers.

Owns the state folder (COX_HOME). Publishes nothing, consumes nothing; services know nothing of it.
"""
