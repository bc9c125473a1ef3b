"""What is made for Argilla and doccano is read by their own packages: ``make annotation-formats-check``.

Neither installs beside the product; each gets an environment of its own, made at the first run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from app.building import BuildRequest, build_bundle
from examples.doccano_labels import MAPPING, REQUEST
from tests.support.command import Command
from tests.support.environments import installed
from tests.support.service import NAME, running
from xite_core.demo import demo_file

HERE = Path(__file__).parent
ARGILLA = ("argilla-2.8.0", "argilla==2.8.0", "requests")
PIPELINE = ("doccano-pipeline-0.1.23", "auto-labeling-pipeline==0.1.23")
DOCCANO = ("doccano-1.8.4", "doccano==1.8.4", "marshmallow<4", "setuptools<81", "numpy<2")
"""doccano 1.8.4 does not state that it needs older versions of the last three."""

KOREAN = demo_file("reviews", "ko")


def main() -> None:
    """Make the files and have them read."""
    with tempfile.TemporaryDirectory(prefix="xite-formats-") as place:
        folder, home = Path(place), Path(place, "xite")
        home.mkdir()
        build_bundle(BuildRequest(home=home, name=NAME, source=demo_file("reviews", "en")), Console(stderr=True))
        xite = Command(home, folder)
        xite.succeed("augment", KOREAN, "augmented.parquet", "--min-confidence", 0.6)
        xite.succeed("export", "augmented.parquet", "records.json", "--for", "argilla")
        xite.succeed("export", "augmented.parquet", "lines.jsonl", "--for", "doccano")
        with running(home) as service:
            root = HERE.parents[2]
            for script, made in (("argilla_records", "suggested.json"), ("doccano_labels", "labeled.jsonl")):
                program = [sys.executable, root / "examples" / f"{script}.py", KOREAN, folder / made]
                subprocess.run([*program, "--xite", service.url], check=True, cwd=root, env={"PYTHONPATH": str(root)})
            request = {**REQUEST, "url": f"{service.url}/doccano/label"}
            (folder / "request.json").write_text(json.dumps(request), "utf8")
            text = json.loads(KOREAN.read_text("utf8").splitlines()[0])["text"]
            read_by(PIPELINE, "doccano_pipeline.py", folder / "request.json", MAPPING, text)
        for name in ("records.json", "suggested.json"):
            read_by(ARGILLA, "argilla_reader.py", folder / name)
        for name in ("lines.jsonl", "labeled.jsonl"):
            read_by(DOCCANO, "doccano_import.py", folder / name)


def read_by(environment: tuple[str, ...], script: str, *arguments: str | Path) -> None:
    """Run a script in an environment; end where it fails."""
    subprocess.run([installed(*environment) / "python", HERE / script, *arguments], check=True)


if __name__ == "__main__":
    main()
