"""Whether a lead is a customer to be (目标客户甄别): need, money, authority, eligibility, each with evidence.

Owns `qualifications`; publishes nothing of its own (the lead's change says that it changed).
Consumes nothing. Stages of pipelines may demand answers.
"""
