"""What tests share: the run's own PostgreSQL and Kafka, and databases cloned from migrated templates.

Owns no behaviour of the product; tests come in by each service's `bootstrap`.
"""
