"""Live leads from a file, row by row: made, or changed by a key; each row of a source once.

Owns nothing: rows are known by `history_import`'s keys, leads are made and changed by the rooms that do so.
Consumes nothing: the gateway sends batches to the internal route, as whoever asked for the import.
"""
