"""``python -m app`` is ``xite``."""

from app.cli import main

main()
