"""What is owed to the people behind leads: consent, do-not-contact, who changed and who read what, all that
is held of one person, and how long it is kept until they are forgotten.
"""
