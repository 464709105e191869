"""How many open leads each user has in hand.

Owns `rep_loads`, kept exact by every change of owner or outcome; publishes nothing.
Consumes nothing.
"""
