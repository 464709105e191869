"""Owns business time: what a calendar counts between two moments, and when so much of it has passed.

Pure: no clock and no I/O but the time zones' own data. Publishes nothing, consumes nothing.
"""
