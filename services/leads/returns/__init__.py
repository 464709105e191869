"""Invalid leads are returned: filed by their owner, approved by a superior, and the turn comes back.

Owns `lead_returns`; publishes nothing of its own: an approved one is given into a pool.
Consumes nothing.
"""
