"""How leads come in and what they consist of: single, in batches and files, with a past elsewhere; how what
people write is read, a tenant's own fields, and the campaigns that leads come from.
"""
