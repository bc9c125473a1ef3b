"""``docs/configuration.md``, made from the settings; ``python -m app.settings.reference`` writes it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.settings.service import PREFIX, Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
_HEAD = (
    "# Configuration\n"
    "Each setting is an environment variable; `xite serve` takes the most used ones as flags too, and a flag wins. A "
    "value that does not do is refused at start, with the variable's name. Made by `python -m app.settings.reference`; "
    "the checks fail when it is out of date.\n\n"
    "| variable | values | default | meaning |\n|---|---|---|---|\n"
)
_TAIL = (
    "\nOutside these: `XITE_API_KEY` is the key that `app.client` sends; `OMP_NUM_THREADS` and its kin are set from "
    "`XITE_THREADS`; `HF_HUB_OFFLINE=1` keeps encoders from being looked for on a hub.\n"
)


def rendered() -> str:
    """The whole document."""
    return _HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items()) + _TAIL


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{PREFIX}{name.upper()}`", _values(field), _default(name, field), field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _values(field: FieldInfo) -> str:
    bounds = {name: value for limit in field.metadata for name, value in _parts(limit).items()}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le")
    words = _type_words(field.annotation)
    if low is None:
        return words
    above = "above " if "gt" in bounds else ""
    return f"{words}, {above}{low:,}" + (f" to {high:,}" if high is not None else "" if above else " or more")


def _type_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return _type_words(next(each for each in get_args(kind) if each is not type(None)))
    return {bool: "true, false", int: "whole number", float: "number", Path: "path"}.get(kind, "text")


def _parts(limit: Any) -> dict[str, Any]:
    """What a limit such as ``Ge(ge=1)`` holds."""
    return {name: getattr(limit, name) for name in limit.__slots__}


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "`~/.local/share/xite`"
    if field.default in (None, PydanticUndefined):
        return "-"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return f"{field.default:,}" if isinstance(field.default, int | float) and name != "port" else f"`{field.default}`"


def main() -> None:
    """Write the document, or with ``--check`` only compare."""
    text = rendered()
    if "--check" in sys.argv[1:]:
        if not DOCUMENT.is_file() or DOCUMENT.read_text("utf8") != text:
            sys.exit(f"{DOCUMENT} is out of date; run python -m app.settings.reference")
        return
    DOCUMENT.write_text(text, "utf8")


if __name__ == "__main__":
    main()
