"""Owns who leaves and who comes back: planned, cancelled, and done when they are due.

Publishes `cox.org.rep_left` and `rep_returned` of the tenant's one aggregate, beside what `org` tells of the
user; consumes nothing.
"""
