"""HTTP as the contract says it: wire types, problem details, pages, idempotent writes, conditional reads.

Owns the table `idempotency_keys` of each service's database; publishes and consumes no events.
"""
