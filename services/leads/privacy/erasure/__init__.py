"""Forgetting a person: the rows of their leads are emptied, and what was sealed of them loses its key.

Owns `erasures`, with what the law has us keep of a deal that was won; publishes PersonErased.
Consumes nothing.
"""
