"""The past of another CRM: deals with their whole history, through the same rules as live work.

Owns `import_keys`; publishes what the rooms below publish, marked as historic.
Consumes nothing: the gateway sends batches to the internal routes.
"""
