"""Owns the tenants. A tenant's row is the lock and the seq of everything in its organisation (`org_version`).

Publishes `cox.org.tenant_configured` and `cox.org.access_changed`; consumes nothing.
"""
