"""What leads are asked for by: the filters of lists and saved views, and what they mean to the search.

Owns nothing; publishes nothing.
Consumes nothing: it asks `custom_fields` and the directory.
"""
