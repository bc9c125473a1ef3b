"""``python -m app.openapi`` writes the OpenAPI document to ``openapi/openapi.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from app.main import create_app

DOCUMENT = Path(__file__).parent.parent / "openapi" / "openapi.json"


def rendered() -> str:
    """Render the document as it is stored."""
    return json.dumps(create_app().openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the document, or with ``--check`` only compare."""
    text = rendered()
    if "--check" in sys.argv[1:]:
        if not DOCUMENT.is_file() or DOCUMENT.read_text("utf8") != text:
            sys.exit(f"{DOCUMENT} is out of date; run python -m app.openapi")
        return
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, "utf8")


if __name__ == "__main__":
    main()
