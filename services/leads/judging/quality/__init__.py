"""How well the data of leads is kept, by owner and by team: what is filled in, and what it is worth.

Owns nothing; publishes nothing.
Consumes nothing: it looks at a bounded number of each one's newest leads when it is asked.
"""
