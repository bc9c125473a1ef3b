"""``python -m tests.fuzz.run TARGET SECONDS``: fuzz one parser with atheris; the last line says how it went.

The corpus is kept in ``.cache/fuzz/TARGET`` and goes on from there the next time. A crash leaves its input there too.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app", "xite_core"]):
    from tests.fuzz.targets import TARGETS

CORPUS = Path(".cache") / "fuzz"
SLOW = 10
"""Seconds that one input may take."""


def main() -> None:
    """Fuzz until the time is over or something crashes."""
    name, seconds = sys.argv[1], sys.argv[2]
    function, seeds = TARGETS[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        f"-timeout={SLOW}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup(["fuzz", *options, f"-artifact_prefix={corpus}/", str(corpus)], function)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
