"""Hostile callers: every route of the document with ids that are not theirs, tokens that are forged, values
that nobody means. What they share with the promises S1 to S6; nothing here knows a promise.
"""
