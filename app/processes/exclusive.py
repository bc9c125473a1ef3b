"""``python -m app.processes.exclusive LOCK PROGRAM ...``: waits for the lock, then becomes the program.

The program inherits the open lock file, so the kernel keeps others out until the program itself has ended, however it
ends and whatever becomes of who started it.
"""

from __future__ import annotations

import fcntl
import os
import sys


def main() -> None:
    """Wait, then run; whoever waits ends at once when told to."""
    lock, *command = sys.argv[1:]
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
