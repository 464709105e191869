"""Owns accounts (e-mail, password hash), sessions and refresh tokens: how one signs in is known here only.

Publishes nothing by itself; consumes nothing. Accounts are opened and closed by the org.
"""
