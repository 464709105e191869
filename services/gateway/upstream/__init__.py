"""Asking leads, activities and scoring over HTTP, as the gateway itself or as whoever asked the gateway.

Owns nothing; publishes nothing; consumes nothing.
"""
