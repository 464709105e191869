"""All that leads holds about one person, for whoever has to tell them.

Owns nothing; it reads what the other rooms hold. Publishes and consumes nothing.
"""
