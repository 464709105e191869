"""What an amount is worth in the tenant's currency on a day.

Owns no table: rates come with the org directory; publishes nothing.
Consumes nothing itself.
"""
