"""`python -m deploy.cli`: parse the command line, run one command, end with its code."""

from __future__ import annotations

import sys

from deploy.cli.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
