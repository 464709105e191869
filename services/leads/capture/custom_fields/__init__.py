"""Fields that a tenant adds to its leads: how they are defined, and what values they take.

Owns `custom_schemas` and `custom_fields`; publishes CustomFieldDefined.
Consumes nothing: `intake` asks what may be stored, `refitting` looks at what is stored already.
"""
