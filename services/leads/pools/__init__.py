"""Public pools: leads that nobody owns, who may take or give them, and when owners lose theirs into one."""
