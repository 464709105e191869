"""State machines over the product's pure decisions: relay, consumer, positions, KPI fold, timers.

Journal, log and tables are small models in memory; what decides is imported from the product. Thousands of
interleavings of crash, repetition, reordering, late commit and two owners, without a server.
"""
