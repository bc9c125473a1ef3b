"""Reading of ``config.toml``; every stage takes its settings from here."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Config:
    """Settings of the recipe, with paths made absolute.

    Parameters
    ----------
    path : Path
        The TOML file.
    overrides : list of str
        ``section.key=value`` items that replace single settings, at any depth; values are TOML.
    """

    def __init__(self, path: Path, overrides: list[str] | None = None) -> None:
        self.values: dict[str, Any] = tomllib.loads(path.read_text("utf8"))
        for item in overrides or []:
            name, _, value = item.partition("=")
            self._replace(name, tomllib.loads(f"v = {value}")["v"])

    def _replace(self, name: str, value: Any) -> None:
        *sections, key = name.split(".")
        table: Any = self.values
        for section in sections:
            table = table.get(section) if isinstance(table, dict) else None
        if not isinstance(table, dict) or key not in table:
            raise SystemExit(f"unknown setting {name!r}")
        table[key] = value

    def __getitem__(self, section: str) -> dict[str, Any]:
        return self.values[section]

    def path(self, name: str) -> Path:
        """Absolute path of ``[paths] name``."""
        return ROOT / self.values["paths"][name]

    @property
    def work(self) -> Path:
        """The folder that the stages write to; made if absent."""
        folder = self.path("work")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def from_command_line(doc: str | None) -> tuple[Config, argparse.Namespace]:
    """Parse ``--config`` and ``--set section.key=value`` for a stage."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--from-checkpoint", type=Path, help="start from these weights instead of the initialisation")
    options = parser.parse_args()
    return Config(options.config, options.set), options
