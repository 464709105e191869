"""For how long leads are kept that nobody answers: warned of, then forgotten, once an admin says so.

Owns `retention_policies` and `retention_warnings`; publishes RetentionWarned, RetentionDefined, and by way of
`erasure` PersonErased. Consumes nothing: it walks behind the leads in the order in which they came.
"""
