"""Who works on a lead: rules, turns, and an explanation of every decision.

Owns `assignment_rules`, `rotations`, `turns`, `assignments`.
Publishes LeadAssigned and AssignmentRuleDefined.
Consumes LeadCreated: the assignment follows the creation, it never delays it.
"""
