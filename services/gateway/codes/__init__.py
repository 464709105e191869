"""Owns codes to scan (渠道活码): where each leads today, what it says of who comes by it, and how many came.

Publishes `cox.gateway.code_defined`; consumes nothing. Of who scans nothing is kept.
"""
