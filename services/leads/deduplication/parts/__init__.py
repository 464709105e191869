"""Which leads are parts of which: what a merge left behind.

Owns `merges`; publishes nothing. Consumes nothing: `merging` writes here, and whoever asks what belongs to a
lead reads.
"""
