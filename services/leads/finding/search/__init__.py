"""Finding leads by words, in Chinese and in Latin scripts, and by any of their fields.

Owns how text becomes search terms, and the functions in the database that search; publishes nothing.
Consumes nothing: `intake` stores the terms with each lead.
"""
