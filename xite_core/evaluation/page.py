"""The report as one HTML page without anything to load from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from xite_core.evaluation.plots import plots
from xite_core.evaluation.tables import percent, points
from xite_core.storage import atomic_file

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-size: 13px; width: 100% }
th, td { padding: 3px 8px; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap }
td.note { white-space: normal; color: #555 }
tr.default { background: #fff4e0; font-weight: 600 }
img { max-width: 100% }
.scroll { overflow-x: auto }
"""

_HEADS = ("variant", "depth", "macro-F1", "accuracy", "gain", "p", "English", "change", "ECE", "")


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the page.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(page(report), "utf8")


def page(report: Mapping[str, Any]) -> str:
    """The page's text."""
    title = escape(f"XITE evaluation: {report['task']}, {report['lang']}")
    rows = report["rows"]
    images = "".join(
        f'<h2>{escape(name)}</h2><img alt="{escape(name)}" src="data:image/png;base64,{_encoded(image)}">'
        for name, image in plots(report).items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>Encoder {escape(report['encoder'])}. {rows['source']:,} English rows, "
        f"{rows['unlabeled']:,} unlabeled texts, {rows['test']:,} test rows, {report['seeds']} seeds. Brackets are 95% "
        "bootstrap intervals over test items; gains are paired, in points of macro-F1 over the better zero-shot model "
        "of the same depth; the highlighted row is what the defaults give.</p>"
        f'<div class="scroll"><table><tr>{"".join(f"<th>{head}</th>" for head in _HEADS)}</tr>'
        f"{''.join(_row(entry, report['default']) for entry in report['variants'])}</table></div>{images}</html>\n"
    )


def _row(entry: Mapping[str, Any], default: str) -> str:
    target, gain = entry["target"], entry["gain"]
    cells = [
        entry["name"],
        entry["depth"],
        percent(target["macro_f1"]),
        percent(target["accuracy"]),
        points(gain, "absolute"),
        f"{gain['p_value']:.3f}",
        f"{100 * entry['english']['accuracy']['mean']:.1f}",
        points(entry["english_kept"], "mean"),
        f"{target['ece']:.3f}",
    ]
    kind = ' class="default"' if entry["name"] == default else ""
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr{kind}>{shown}<td class="note">{escape(entry["note"])}</td></tr>'


def _encoded(image: bytes) -> str:
    return base64.b64encode(image).decode("ascii")
