"""What the whole product holds about one person, put together from the services.

Owns nothing, publishes and consumes nothing.
"""
