"""Mappings that are saved by name, once per source, and known again by a file's header.

Owns `import_mappings` and `import_headers`; publishes and consumes nothing.
"""
