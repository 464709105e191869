"""What every service stands on: contracts, events, database, web, access, observability.

Owns no business word (the event contracts aside); imports no service.
"""
