"""Become another program that ends with its parent: `python guard.py SIGNAL PARENT_PID COMMAND...`.

Runs before the program, after any change of user (which would clear the setting), with the standard library
only. On Linux the kernel sends SIGNAL when the parent's thread ends; elsewhere `up` and `down` clean up.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(signal_number: int, parent: int) -> None:
    """Ask for `signal_number` when `parent`, the caller's own parent, ends. Does nothing outside Linux."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # The parent ended before the request: nobody would send the signal any more.
        os._exit(1)


def main() -> None:
    signal_number, parent, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    end_with_parent(signal_number, parent)
    os.execv(command[0], command)  # noqa: S606 - the very purpose: become that program


if __name__ == "__main__":
    main()
