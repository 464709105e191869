"""Owns the working calendars of a tenant: hours of a week, days off, make-up workdays.

Publishes `cox.org.calendar_defined`, of the tenant's one aggregate; consumes nothing.
"""
