"""The command line `./cox`: one module per command, each offering `NAME`, `HELP`, `arguments` and `run`.

Owns no data; talks to the launcher by its state file and to the services by their public API.
"""
