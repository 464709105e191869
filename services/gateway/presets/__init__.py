"""Configuration that a company expects out of the box, switched on as a whole or by part; all of it is
changed afterwards like any other.

Owns nothing; publishes nothing; consumes nothing: calendars are its neighbours', and pools and response
rules are made by the public routes of leads.
"""
