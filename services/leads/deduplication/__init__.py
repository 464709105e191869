"""Leads that are one, or nearly: the same phone, names alike, families; merging them and undoing it."""
