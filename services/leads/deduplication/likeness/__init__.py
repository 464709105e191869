"""Leads whose companies' names are alike: suspects, for people to look at.

Owns `company_names`, `lead_companies` and `duplicate_suspects`; publishes nothing (what is confirmed is a
merge). Consumes LeadCreated and LeadUpdated, where the policy of duplicates asks for it.
"""
