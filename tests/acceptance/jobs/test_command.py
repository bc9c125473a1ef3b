"""``xite jobs`` and ``xite finetune --server`` against a running installation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import cli
from tests.support.command import Command
from tests.support.jobs import TARGETS, Installation, installed, request
from tests.support.service import NAME
from xite_core.bundle.store import BundleStore
from xite_core.errors import XiteError

Xite = Callable[..., str]


@pytest.fixture
def xite(installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Xite:
    """In this process, since each start of the command takes seconds; gives the standard output."""
    monkeypatch.setenv("XITE_SERVER", f"http://127.0.0.1:{installation.port}")

    def run(*arguments: object) -> str:
        assert cli([*map(str, arguments)], standalone_mode=False) in (None, 0)
        return capsys.readouterr().out

    return run


def test_finetune_by_a_service(xite: Xite, installation: Installation, tmp_path: Path) -> None:
    """Two files, one of a tagged language; the result is the active one then."""
    first, second, test = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "test.csv"))
    first.write_text("".join(json.dumps({"text": text}) + "\n" for text in TARGETS[:40]), "utf8")
    second.write_text("".join(json.dumps({"text": text, "lang": "ko"}) + "\n" for text in TARGETS[40:]), "utf8")
    test.write_text("text,label\n정말 good 영화,positive\n정말 bad 영화,negative\n", "utf8")
    server = ("--server", f"http://127.0.0.1:{installation.port}")
    told = xite(
        "finetune", f"ko={first}", second, *server, "--test", f"ko={test}", "--epochs", 2, "--batch-size", 16,
        "--lam", 0.4, "--k", 4, "--seed", 3, "--max-english-drop", 1, "--name", "by-command", "--activate", "--json",
    )  # fmt: skip
    made = json.loads(told)
    report = made["report"]
    assert report["rows"]["target"] == {"ko": 72}
    assert (report["options"]["epochs"], report["options"]["seed"], report["options"]["augment"]["lam"]) == (2, 3, 0.4)
    assert report["metrics"]["after"]["target"]["n"] == 2
    store = BundleStore(installation.home)
    installation.until(lambda: store.activation("by-command") is not None, "activation")
    assert store.activation("by-command").revision == made["revision"]  # type: ignore[union-attr]


def test_jobs_are_steered(xite: Xite, installation: Installation, tmp_path: Path) -> None:
    job_id = installation.submit(request(150, bundle="steered"))
    installation.wait_for_step(job_id, 5)
    assert json.loads(xite("jobs", "cancel", job_id))["status"] == "cancelling"
    installation.wait_for(job_id, "cancelled")
    assert json.loads(xite("jobs", "resume", job_id))["status"] == "queued"
    assert job_id in xite("jobs", "list", "--limit", 1)
    assert json.loads(xite("jobs", "follow", job_id))["status"] == "succeeded"
    assert json.loads(xite("jobs", "show", job_id))["result"]["bundle"] == "steered"
    names = {Path(line).name for line in xite("jobs", "download", job_id, "--out", tmp_path).splitlines()}
    assert {"report.json"} < names == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jobs", "show", "job_none"), "404"),
        (("jobs", "list", "--server", "nowhere"), "expected a URL"),
        (("jobs", "list", "--after", "job_none"), "after: there is no such job"),
        (("finetune", "in.jsonl", "--revision", "r1"), "no value beside --server"),
        (("finetune", "in.jsonl", "--device", "cpu"), "no value beside --server"),
        (("finetune", "in.jsonl", "--depth", "deep"), "depth"),
        (("finetune", "in.jsonl", "--bundle", "none"), "no bundle 'none'"),
        (("finetune", "none.jsonl",), "none.jsonl: no such file"),
        (("finetune", "in.jsonl", "--min-confidence", "1"), "failed: "),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(
    xite: Xite, installation: Installation, arguments: tuple[str, ...], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text('{"text": "없는 말", "lang": "ko"}\n{"text": "다른 것", "lang": "ko"}\n', "utf8")
    if arguments[0] == "finetune":
        arguments += ("--server", f"http://127.0.0.1:{installation.port}")
    with pytest.raises(XiteError) as told:
        xite(*arguments)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
    assert NAME in BundleStore(installation.home).names()


def test_a_worker_of_its_own(tmp_path: Path) -> None:
    """It finds the service's Redis by the data directory, and ends when told to."""
    with installed(tmp_path / "home", job_workers=0) as installation:
        worker = Command(installation.home, tmp_path).start("worker")
        try:
            installation.wait_for(installation.submit(request(2)), "succeeded")
            worker.terminate()
            worker.communicate(timeout=60)
            assert worker.returncode == 0
        finally:
            worker.kill()
