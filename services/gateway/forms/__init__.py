"""Owns the public forms: what people without an account are asked, and the way of what they leave to leads.

Publishes `cox.gateway.form_defined`; consumes nothing. What people leave is kept by leads alone.
"""
