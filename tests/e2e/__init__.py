"""Scenarios through the gateway.

A package, so that its fixtures end with its last test: pytest takes those of a folder without this file for
the whole run's.
"""
