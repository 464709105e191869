"""Files from elsewhere become org, leads and history: stored, read, checked by row, sent on in batches.

Owns the imports, their files and their row problems; publishes `cox.gateway` (import_started,
import_finished);
consumes nothing: it calls the org use cases, and leads and activities through their batch routes.
"""
