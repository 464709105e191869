"""How the database of leads came to be; a released version never changes."""
