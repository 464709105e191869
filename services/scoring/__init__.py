"""Owns the numbers: KPIs as folds over what happened, with their evidence.

Publishes `cox.scoring` (notices only). Consumes `cox.org`, `cox.leads` and `cox.activities`.
"""
