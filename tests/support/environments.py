"""Environments of their own for tools that do not install beside the product; kept between runs."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path


def cache() -> Path:
    """Where they lie: ``XITE_CACHE``, else the user's cache folder."""
    given = os.environ.get("XITE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "xite"


def installed(name: str, *packages: str) -> Path:
    """The programs of an environment with some packages; it is made now where it is not there yet."""
    folder = cache() / name
    done = folder / ".installed"
    if not done.is_file():
        print(f"installing {packages[0]} into {folder} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
        done.touch()
    return folder / "bin"
