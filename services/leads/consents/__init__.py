"""What people agreed to and withdrew, and on what ground their data is held: basis and notice by source.

Owns `consents`, `notices` and `notice_versions`; publishes ConsentChanged and NoticeDefined.
Consumes nothing: who withdraws goes onto the do-not-contact list in the same transaction.
"""
