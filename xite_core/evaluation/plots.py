"""The report's plots as PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

Report = Mapping[str, Any]
_LAM = "_lam_"


def plots(report: Report) -> dict[str, bytes]:
    """All plots that the report has figures for, by title."""
    drawn: dict[str, Callable[[Any, Report], bool]] = {
        "Gain in macro-F1 over the better zero-shot model": _gains,
        "Interpolation coefficient": _lams,
        "Coverage and accuracy of the labels adopted from neighbours": _coverage,
        "Source, target and synthetic vectors": _clouds,
    }
    return {title: image for title, draw in drawn.items() if (image := _png(draw, report))}


def _png(draw: Callable[[Any, Report], bool], report: Report) -> bytes | None:
    # a figure without pyplot has no global state and no display
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    if not draw(figure, report):
        return None
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=100)
    return target.getvalue()


def _gains(figure: Any, report: Report) -> bool:
    entries = [entry for entry in report["variants"] if _LAM not in entry["name"]]
    axes = figure.subplots()
    gains = [100 * entry["gain"]["absolute"] for entry in entries]
    low = [max(gain - 100 * entry["gain"]["low"], 0) for gain, entry in zip(gains, entries, strict=True)]
    high = [max(100 * entry["gain"]["high"] - gain, 0) for gain, entry in zip(gains, entries, strict=True)]
    names = [f"{entry['name']} ({entry['depth']})" for entry in entries]
    colours = ["#c44e52" if entry["name"] == report["default"] else "#4c72b0" for entry in entries]
    axes.barh(names, gains, xerr=[low, high], color=colours, error_kw={"linewidth": 0.8})
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel(f"points of macro-F1, {report['lang']}")
    return True


def _lams(figure: Any, report: Report) -> bool:
    axes = figure.subplots()
    found = False
    for family in ("xite", "views"):
        start = family + _LAM
        sweep = [entry for entry in report["variants"] if entry["name"].startswith(start)]
        if sweep:
            found = True
            lams = [float(entry["name"][len(start) :]) for entry in sweep]
            axes.plot(lams, [100 * entry["target"]["macro_f1"]["mean"] for entry in sweep], marker="o", label=family)
    axes.set(xlabel="lam (1 is the English end)", ylabel="macro-F1")
    if found:
        axes.legend()
    return found


def _coverage(figure: Any, report: Report) -> bool:
    axes = figure.subplots()
    wanted = ("xite", "xite_cosine", "xite_margin", "xite_nearest", "xite_confident")
    found = False
    for entry in report["variants"]:
        if entry["adoption"] and entry["name"] in wanted:
            found = True
            curve = entry["adoption"]["curve"]
            axes.plot(
                [point["coverage"] for point in curve],
                [100 * point["accuracy"] for point in curve],
                marker=".",
                label=f"{entry['name']} ({entry['depth']})",
            )
    axes.set(xlabel="share of the texts, the surest first", ylabel="accuracy")
    if found:
        axes.legend(fontsize="small")
    return found


def _clouds(figure: Any, report: Report) -> bool:
    picture = report.get("picture")
    if not picture:
        return False
    before, after = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, shown, title in (
        (before, ("source", "target"), "before"),
        (after, ("source", "target", "synthetic"), "after interpolation"),
    ):
        for name in shown:
            x, y = zip(*picture[name], strict=True)
            axes.scatter(x, y, s=6, alpha=0.6, label=name)
        axes.set_title(title, fontsize="medium")
        axes.legend(fontsize="small")
    return True
