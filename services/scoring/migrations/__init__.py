"""How the database of scoring came to be; a released version never changes."""
