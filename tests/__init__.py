"""The tests. `unit` mirrors services/ and shared/; `support` holds what they share; every run brings its own
PostgreSQL and Kafka up, only if a test asks for them.
"""
