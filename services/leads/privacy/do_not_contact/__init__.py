"""Whom nobody contacts: phones and e-mail addresses, without telling them, and the leads that have them.

Owns nothing: the list stands in `wishes`. Publishes LeadUpdated by way of `intake`.
Consumes LeadCreated and LeadUpdated: also a lead that comes later, or gets such a phone, is marked.
"""
