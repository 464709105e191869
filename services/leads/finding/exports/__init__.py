"""Leads that leave in files: asked for, approved where they carry contact data in masses, sent, written down.

Owns `exports`, `export_downloads`, `exporters` and `export_terms`; publishes ExportRequested, ExportWarned,
ExportDecided, ExportDownloaded and ExportTermsDefined. Consumes nothing.
"""
