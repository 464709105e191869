"""The rows of a file between reading and loading, as the file has them, and those that are to be corrected.

Owns `import_chunks`, `import_rows`, `import_seen`, `import_bad_rows`; all but the last go with the import.
"""
