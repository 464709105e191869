"""Owns the way of a request to the service behind a path and of its answer back, streamed both ways.

Publishes and consumes nothing; it neither parses nor changes a body.
"""
