"""Stored leads are looked through when a custom field is to have a type: first whether all fit, then to fit.

Owns `custom_checks` and `custom_misfits`; publishes nothing itself, LeadUpdated by way of `intake`.
Consumes nothing: it goes on by timers.
"""
