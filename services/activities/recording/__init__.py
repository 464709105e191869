"""Recording an activity and reading it back; the past from another CRM too, in batches.

Owns `activities` and the keys by which a client or an import names one. Publishes ActivityRecorded.
Consumes nothing itself: whose lead it is comes from `leads_known`, people from the org's projection.
"""
