"""One module per promise: NAME, CLAIM and `async def run(run: Run) -> Outcome`.

They use a copy of the product through its API, its processes and its databases.
"""
