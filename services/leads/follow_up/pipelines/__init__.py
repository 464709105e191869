"""Pipelines: their stages in order, and what a stage demands before it may be left.

Owns `pipelines`; publishes PipelineDefined. Every tenant has a default one.
Consumes TenantConfigured, which makes the default pipeline.
"""
