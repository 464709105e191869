"""Owns how much anybody may ask for: requests per principal, submissions per form and address, attempts to
sign in per account and address.

Publishes and consumes nothing; counters live in this process, or in Valkey where its address is set.
"""
