"""What people agreed to and withdrew, and on what ground their data is held: basis and notice by source.

Owns nothing: what was said and shown stands in `wishes`. Publishes ConsentChanged.
Consumes nothing: who withdraws goes onto the do-not-contact list in the same transaction.
"""
