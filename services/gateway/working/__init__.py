"""Owns what the work given to people depends on: their profiles and their absences.

Publishes `cox.org.profile_defined`, `absence_recorded`, `absence_withdrawn`, all of the tenant's one
aggregate; consumes nothing.
"""
