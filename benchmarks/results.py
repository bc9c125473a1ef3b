"""Runs an experiment over its languages and writes ``docs/results/<name>.md`` with every variant.

``python -m benchmarks.results sentiment --tasks DIR --work DIR``; it goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiments import Experiment, Tasks, experiments
from xite_core.encoder import load_encoder
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.evaluation.data import EvaluationInputs
from xite_core.evaluation.study import EvaluationOptions, evaluate
from xite_core.evaluation.tables import percent, points

NAMES = ("sentiment", "wider", "mixed", "nli", "topic")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--tasks", type=Path, required=True, help="directory with sentiment, nli and topic")
    parser.add_argument("--work", type=Path, required=True, help="vectors and finished runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--encoder", default="xite-mini")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--depths", default="head")
    parser.add_argument("--langs", default="", help="only these, comma-separated")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    wanted = given.langs.split(",") if given.langs else []
    found = [part for part in experiments(Tasks(given.tasks), given.name) if not wanted or part.lang in wanted]
    reports = [_evaluated(part, given) for part in found]
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{given.name}.md").write_text(document(given.name, reports), "utf8")


def _evaluated(part: Experiment, given: argparse.Namespace) -> dict[str, Any]:
    pairs = part.source[0].text_pair is not None
    encoder = load_encoder(EncoderSpec(given.encoder, **({"pairs": PairMode.FEATURES} if pairs else {})))
    inputs = EvaluationInputs(part.source, part.unlabeled, part.test, part.lang, encoder, part.english_test, part.task)
    options = EvaluationOptions(given.seeds, depths=tuple(given.depths.split(",")), quick=given.quick)
    directory = given.work / given.name / part.lang
    report = evaluate(inputs, options, directory, cache=given.work / "vectors")
    print(part.lang, json.dumps({e["name"]: points(e["gain"], "absolute") for e in report["variants"]}), flush=True)
    return report


def document(name: str, reports: list[dict[str, Any]]) -> str:
    """All languages side by side: gain of each variant with its interval, and means over the languages."""
    langs = [report["lang"] for report in reports]
    first = reports[0]
    keys = [(entry["name"], entry["depth"]) for entry in first["variants"]]
    lines = [
        f"# {name.capitalize()}: results on development rows",
        "",
        f"`make results-{name} TASKS=...`; encoder `{Path(first['encoder']).name}`, "
        f"fingerprint `{first['fingerprint'][:12]}`. "
        f"The default is **{first['default']}**. Brackets are 95% paired bootstrap intervals over test items "
        f"{'(by premise) ' if name == 'nli' else ''}and {first['seeds']} seeds (one seed for sweeps).",
        "",
        "## Rows",
        "",
        "| language | English source | chosen by | English reported | unlabeled | test |",
        "|---|---:|---:|---:|---:|---:|",
        *(_rows(report) for report in reports),
        "",
        "## Macro-F1 in percent",
        "",
        _line(["variant", "depth", *langs, "mean"]),
        "|---|---|" + "---|" * (len(langs) + 1),
        *(_macro(reports, key, first["default"]) for key in keys),
        "",
        "## Gain in points of macro-F1 over the better zero-shot model",
        "",
        _line(["variant", "depth", *langs, "mean"]),
        "|---|---|" + "---|" * (len(langs) + 1),
        *(_gain(reports, key, first["default"]) for key in keys),
        "",
        "## English accuracy in percent, and its change against English alone",
        "",
        _line(["variant", "depth", *langs, "mean change"]),
        "|---|---|" + "---|" * (len(langs) + 1),
        *(_english(reports, key, first["default"]) for key in keys),
        "",
        "## The best in hindsight",
        "",
        "The variant that one half of the test rows would choose, scored on the other half, both ways; the default and "
        "what `xite tune` chooses (no target label seen) on the same rows. Macro-F1 in percent.",
        "",
        "| language | chosen | theirs | default | difference | tuned | difference |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(_hindsight(report) for report in reports),
        _hindsight_mean([report["hindsight"] for report in reports]),
        "",
        *(f"- `{entry['name']}`: {entry['note']}" for entry in first["variants"] if entry["note"]),
        "",
    ]
    return "\n".join(lines)


def _hindsight(report: dict[str, Any]) -> str:
    found = report["hindsight"]
    values = [_percent(found["best_macro_f1"]), _percent(found["default_macro_f1"]), _percent(found["difference"], "+")]
    tuned = [_percent(found["tuned_macro_f1"]), _percent(found["tuned_difference"], "+")]
    return _line([report["lang"], ", ".join(found["chosen"]), *values, *tuned])


def _hindsight_mean(found: list[dict[str, Any]]) -> str:
    cells = []
    for name in ("difference", "tuned_difference"):
        values = [each[name] for each in found]
        cells += ["", _percent(None if None in values else float(np.mean(values)), "+")]
    return _line(["mean", "", "", *cells])


def _percent(share: float | None, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _entries(reports: list[dict[str, Any]], key: tuple[str, str]) -> list[dict[str, Any]]:
    return [next(e for e in report["variants"] if (e["name"], e["depth"]) == key) for report in reports]


def _rows(report: dict[str, Any]) -> str:
    rows = report["rows"]
    reported = rows["english_test"] or rows["english_validation"]
    cells = [rows["source"], rows["english_validation"], reported, rows["unlabeled"], rows["test"]]
    return _line([report["lang"], *(f"{cell:,}" for cell in cells)])


def _macro(reports: list[dict[str, Any]], key: tuple[str, str], default: str) -> str:
    entries = _entries(reports, key)
    mean = np.mean([entry["target"]["macro_f1"]["mean"] for entry in entries])
    cells = [percent(entry["target"]["macro_f1"]) for entry in entries]
    return _line([*_named(key, default), *cells, f"{100 * mean:.1f}"])


def _gain(reports: list[dict[str, Any]], key: tuple[str, str], default: str) -> str:
    entries = _entries(reports, key)
    mean = np.mean([entry["gain"]["absolute"] for entry in entries])
    return _line([*_named(key, default), *(points(e["gain"], "absolute") for e in entries), f"{100 * mean:+.1f}"])


def _english(reports: list[dict[str, Any]], key: tuple[str, str], default: str) -> str:
    entries = _entries(reports, key)
    cells = [
        f"{100 * entry['english']['accuracy']['mean']:.1f} ({100 * entry['english_kept']['mean']:+.1f})"
        for entry in entries
    ]
    return _line([*_named(key, default), *cells, f"{100 * np.mean([e['english_kept']['mean'] for e in entries]):+.1f}"])


def _named(key: tuple[str, str], default: str) -> list[str]:
    return [f"**{key[0]}**" if key[0] == default else key[0], key[1]]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
