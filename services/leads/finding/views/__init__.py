"""Saved views: filters, an order and columns that somebody keeps, and may share with a unit or everybody.

Owns `views`; publishes ViewDefined.
Consumes nothing.
"""
