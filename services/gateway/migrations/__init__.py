"""How the gateway's database came to be; a released version never changes."""
