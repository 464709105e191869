"""What was said of a person, encrypted by a key of their lead's own: without the key it is lost.

Owns `person_keys`; publishes and consumes nothing.
"""
