"""The leads that activities may be about: owner, team and dimensions, as `cox.leads` tells them.

Owns `known_leads`, a projection. Publishes nothing.
Consumes LeadCreated, LeadAssigned, LeadPooled, LeadUpdated, StageChanged, LeadMerged, LeadUnmerged,
PersonErased.
"""
