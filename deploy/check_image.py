"""Carries out the Dockerfile's steps in a clean Debian root file system and serves from there, without a Docker engine.

Needs root, ``debootstrap`` and overlayfs. The base image is stood in for by Debian with its own Python of the same
version. ``--bind`` shows host directories to the build, such as a local package index; ``--env`` sets variables for it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "python3,python3-venv,ca-certificates"
USER = "10001:10001"
PORT = 18231


@dataclass
class Stage:
    """A stage of the Dockerfile: a root file system and what the steps have set so far."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    steps: int = 0

    def run(self, command: Sequence[str], *, user: str = "0:0") -> None:
        """Run a command inside."""
        chroot = ["chroot", f"--userspec={user}", str(self.root), "/usr/bin/env", "-i"]
        inside = f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}"
        path = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"} | self.env
        subprocess.run([*chroot, *(f"{k}={v}" for k, v in path.items()), "/bin/sh", "-c", inside], check=True)

    def inside(self, path: str) -> Path:
        """Where a path lies outside."""
        return self.root / os.path.normpath(os.path.join(self.folder, path)).lstrip("/")


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions; continued lines are one."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


def carry_out(stage: Stage, name: str, rest: str, stages: dict[str, Stage], given: dict[str, str]) -> None:
    """One instruction; those that only describe the image are left out."""
    match name:
        case "ARG":
            key, _, value = rest.partition("=")
            stage.env[key] = given.get(key, value)
        case "ENV":
            stage.env |= dict(part.split("=", 1) for part in shlex.split(rest))
        case "WORKDIR":
            stage.folder = rest
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(stage, shlex.split(rest), stages)
        case "RUN":
            print(f"RUN {rest}", flush=True)
            stage.run(["/bin/sh", "-c", rest])
            stage.steps += 1


def _copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    origin = ROOT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    for source in sources:
        found = origin / source.lstrip("/")
        if found.is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(found, stage.inside(target), symlinks=True, dirs_exist_ok=True, ignore=skipped)
        else:
            shutil.copy2(found, stage.inside(target))


@contextmanager
def mounted(*arguments: str, at: Path) -> Iterator[None]:
    """A mount for the length of the block."""
    at.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *arguments, str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", str(at)], check=False)


@contextmanager
def stage_on(base: Path, place: Path, binds: Sequence[str]) -> Iterator[Stage]:
    """A fresh layer over the base, with what a container has mounted."""
    for part in ("upper", "work", "root"):
        (place / part).mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={place / 'upper'},workdir={place / 'work'}"
    root = place / "root"
    with ExitStack() as mounts:
        mounts.enter_context(mounted("-t", "overlay", "-o", layers, "overlay", at=root))
        mounts.enter_context(mounted("-t", "proc", "proc", at=root / "proc"))
        for bind in binds:
            mounts.enter_context(mounted("--bind", "-o", "ro", bind, at=root / bind.lstrip("/")))
        shutil.copy2("/etc/resolv.conf", root / "etc" / "resolv.conf")
        yield Stage(root)


def build(base: Path, folder: Path, options: argparse.Namespace, mounts: ExitStack) -> Stage:
    """All stages; the last one is the image."""
    stages: dict[str, Stage] = {}
    stage = Stage(base)
    given = dict(pair.split("=", 1) for pair in options.env)
    for name, rest in instructions((ROOT / "Dockerfile").read_text("utf8")):
        if name == "FROM":
            _, _, label = rest.partition(" AS ")
            number = str(len(stages))
            binds = options.bind if label else ()
            stage = mounts.enter_context(stage_on(base, folder / f"stage-{number}", binds))
            stage.env |= given if label else {}
            stages[label or number] = stage
        else:
            carry_out(stage, name, rest, stages, given)
    return stage


def serve(image: Stage) -> None:
    """Read-only but for /data and /tmp, as the image's user: make a key, build, serve, ask, stop."""
    data = image.root / "opt/xite/lib/python3.11/site-packages/xite_core/demo/reviews.en.jsonl"
    with ExitStack() as mounts:
        subprocess.run(["mount", "-o", "remount,ro", str(image.root)], check=True)
        mounts.enter_context(
            mounted("-t", "tmpfs", "-o", "uid=10001,gid=10001,mode=700", "tmpfs", at=image.root / "data")
        )
        mounts.enter_context(mounted("-t", "tmpfs", "tmpfs", at=image.root / "tmp"))
        refused = _xite(image, "serve", "--host", "0.0.0.0")
        assert refused.returncode == 2, refused
        assert b"keys add" in refused.stderr, refused
        key = _xite(image, "keys", "add", "check", "--scope", "read").stdout.decode().strip()
        assert key.startswith("xite_"), key
        inside = "/" + str(data.relative_to(image.root))
        built = _xite(image, "build", inside, "--name", "demo")
        assert built.returncode == 0, built.stderr.decode()
        print(built.stdout.decode().strip(), flush=True)
        _ask(image, key)


def _ask(image: Stage, key: str) -> None:
    process = subprocess.Popen(_command(image, "serve", "--host", "0.0.0.0", "--port", str(PORT)))
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health/ready", timeout=5).close()
                break
            except OSError:
                time.sleep(0.3)
        body = json.dumps({"inputs": [{"text": "배송이 빨라서 좋았어요", "lang": "ko"}]}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}/augment", body, headers)
        answer = json.load(urllib.request.urlopen(request, timeout=60))
        print(f"served: {answer['data'][0]['status']}, {len(answer['data'][0]['embeddings'][0]['embedding'])} numbers")
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0, status


def _xite(image: Stage, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(_command(image, *arguments), capture_output=True, check=False)


def _command(image: Stage, *arguments: str) -> list[str]:
    env = [f"{name}={value}" for name, value in image.env.items()]
    chroot = ["chroot", f"--userspec={USER}", str(image.root), "/usr/bin/env", "-i", "-C", "/data"]
    return [*chroot, *env, "xite", *arguments]


def main() -> None:
    """Make the base, build, serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bind", action="append", default=[], help="host path that the build sees; repeatable")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE for the build, such as TORCH_INDEX")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian", help="of Debian")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="xite-image-", dir="/var/tmp"))
    try:
        base = folder / "base"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(base), options.mirror]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with ExitStack() as mounts:
            image = build(base, folder, options, mounts)
            serve(image)
        print("the image's steps hold")
    finally:
        if str(folder) in Path("/proc/mounts").read_text("utf8"):
            print(f"still mounted below {folder}: unmount, then remove it")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
