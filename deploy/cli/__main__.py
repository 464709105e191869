"""`python -m deploy.cli`: parse the command line, run one command, end with its code."""

from __future__ import annotations

import sys

from deploy.cli.commands import main
from shared.observability.logs import setup_command_logs

if __name__ == "__main__":
    setup_command_logs()
    sys.exit(main(sys.argv[1:]))
