"""`./cox chaos`: many users at once, faults injected, and then every promise checked against what is stored.

It owns whole copies of the product, each in a folder of its own; it never touches the running one.
`promises` holds one module per promise; the modules beside it are what they share: users, ledger,
checks, faults.
"""
