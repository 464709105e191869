"""The past from another CRM, in batches from the gateway's import: the same activities, marked as historic.

Owns nothing of its own: what was imported stands among the activities. Publishes through `recording`.
"""
