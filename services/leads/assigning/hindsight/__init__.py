"""Who would have got the leads of the last days, had an assignment rule been another one.

Owns nothing; publishes nothing.
Consumes nothing: it asks `assignment` and changes nothing.
"""
