"""What Linux does for a family of processes: death with the parent, memory limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, sent: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send a signal to this process when its parent ends.

    The kernel looks at the parent *thread*, so the parent must start this process from a thread that lives as long as
    it does. Does not reach grandchildren; each generation asks for itself.

    Parameters
    ----------
    parent : int
        Process id of the parent as the parent knows it: one that ended before this call is noticed.
    sent : Signals
        What is sent.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(sent), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os.kill(os.getpid(), sent)


def limit_memory(megabytes: int) -> None:
    """Bound the private writable memory of this process (``RLIMIT_DATA``); beyond it allocations fail.

    The address space (``RLIMIT_AS``) would count mapped bundles and libraries too, which cost no memory of their own.
    """
    size = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
