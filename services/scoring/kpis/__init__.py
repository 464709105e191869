"""Owns the KPI engine: states, facts and cells of every metric, and the questions about them.

Publishes KpiRecalculated. Consumes the events that the catalogue names, under the consumer `scoring.kpis`.
"""
