"""Owns the one OpenAPI document of the whole product, and the page that shows it.

Publishes and consumes nothing; it merges what each service says of itself.
"""
