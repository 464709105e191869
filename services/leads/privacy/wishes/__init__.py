"""What people agreed to or withdrew, the notices that they were shown, and whom nobody contacts, as it is
kept.

Owns `consents`, `notices`, `notice_versions` and `do_not_contact_list`; publishes NoticeDefined. Consumes
nothing: `intake` records here what comes with a new lead, `consents` and `do_not_contact` all else.
"""
