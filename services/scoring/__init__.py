"""Owns the numbers: KPIs as folds over what happened, with their evidence; later scores, grades and
incentives.

Publishes `cox.scoring` (notices only). Consumes `cox.org`, `cox.leads` and `cox.activities`.
"""
