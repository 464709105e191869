"""How the database of activities came to be; a released version never changes."""
