"""What was done for a lead, as activities published it.

Owns `lead_activities`; publishes nothing.
Consumes ActivityRecorded: for the timeline, and for stages that demand an activity.
"""
