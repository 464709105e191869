"""Files from elsewhere become org, leads and history: stored, read, checked by row, sent on in batches.

Owns the imports, their files and row problems; publishes `cox.gateway.import_started`, `import_finished`.
Consumes nothing: it calls the org's use cases, and leads and activities through their batch routes.
"""
