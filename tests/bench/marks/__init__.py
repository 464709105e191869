"""One module per row: NAME, WHAT, and `run(bench)` that answers with a Result."""
