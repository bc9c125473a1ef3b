"""Everything that the library raises on purpose.

XiteError
├── OptionError            an option is unknown or out of range
├── InputError             a text, a row or a file cannot be used
│   └── RowError           ... and the row is known
├── EncoderError           an encoder cannot be had or does not fit
│   └── EncoderMismatchError
├── BundleError            a bundle cannot be read
│   ├── BundleNotFoundError
│   ├── BundleDamagedError
│   └── BundleVersionError
└── StorageError           the disk refused (full, read-only)
    └── AlreadyExistsError
"""

from __future__ import annotations

from pathlib import Path


class XiteError(Exception):
    """Base of all errors of this library; its text is meant for the user."""


class OptionError(XiteError):
    """An option is unknown or its value is out of range.

    Parameters
    ----------
    option : str
        The option's name, as the user wrote it.
    value : object
        What was given.
    expected : str
        What would be right.
    """

    def __init__(self, option: str, value: object, expected: str) -> None:
        super().__init__(f"{option}={value!r}: expected {expected}")
        self.option, self.value, self.expected = option, value, expected


class InputError(XiteError):
    """A text or a file cannot be used."""


class RowError(InputError):
    """One row of the input cannot be used.

    Parameters
    ----------
    where : str
        File name, or the name of the input list.
    row : int
        Line number (from 1) of a text file, row number (from 1) of a table, position (from 0) in a list.
    problem : str
        What is wrong and what would be right.
    unit : str
        ``"line"``, ``"row"`` or ``"item"``.
    """

    def __init__(self, where: str, row: int, problem: str, unit: str = "line") -> None:
        super().__init__(f"{where}, {unit} {row}: {problem}")
        self.where, self.row, self.problem, self.unit = where, row, problem, unit


class EncoderError(XiteError):
    """An encoder cannot be loaded or used."""


class EncoderMismatchError(EncoderError):
    """A bundle was built with another encoder than the one at hand."""


class BundleError(XiteError):
    """A bundle cannot be used."""


class BundleNotFoundError(BundleError):
    """No bundle or revision of that name."""


class BundleUnnamedError(BundleNotFoundError):
    """No bundle was named, and there is none or more than one."""


class BundleDamagedError(BundleError):
    """A file of the bundle is missing or differs from its hash."""


class BundleVersionError(BundleError):
    """The bundle was written by a newer version of the library."""


class StorageError(XiteError):
    """The file system refused a write.

    Parameters
    ----------
    path : Path
        What could not be written.
    reason : str
        The system's words.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}")
        self.path, self.reason = path, reason


class AlreadyExistsError(StorageError):
    """What would be published is there already and is never replaced.

    Parameters
    ----------
    path : Path
        The name that is taken.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "it exists already")
