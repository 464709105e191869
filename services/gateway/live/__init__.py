"""Owns the live streams: what happens, told to whoever may see it, within moments, resumable.

Publishes nothing. Reads every topic itself, without a consumer group, while somebody listens.
"""
