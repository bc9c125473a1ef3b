"""Where the data lies, and how the numeric libraries take threads and memory; no heavy imports."""

from __future__ import annotations

import os
from pathlib import Path

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def home() -> Path:
    """The data directory: ``XITE_HOME``, else ``xite`` in the user's data folder."""
    given = os.environ.get("XITE_HOME")
    if given:
        return Path(given)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "xite"


def api_key() -> str | None:
    """The key that the client sends: ``XITE_API_KEY``."""
    return os.environ.get("XITE_API_KEY") or None


def server_url() -> str:
    """The service that the command line talks to: ``XITE_SERVER``, else the one on this machine."""
    return os.environ.get("XITE_SERVER") or "http://127.0.0.1:8000"


def set_up_libraries(count: int | None = None) -> None:
    """Fix threads and memory of every numeric library, before any of them is imported.

    Left to themselves torch, OpenMP and BLAS each start one thread a core, and several processes then fight for them;
    Arrow keeps what it has freed beside the heap, from which it would serve the others and be given back.

    Parameters
    ----------
    count : int, optional
        Threads of each library, whatever was set before; by default ``XITE_THREADS``, else one a core, and a variable
        that is set already stays.
    """
    wanted = str(count or os.environ.get("XITE_THREADS") or len(os.sched_getaffinity(0)))
    for name in _THREAD_VARIABLES:
        if count is None:
            os.environ.setdefault(name, wanted)
        else:
            os.environ[name] = wanted
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
