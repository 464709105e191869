"""How Coxswain is run: the command line and the local stack. Owns no business data.

Services never import this package.
"""
