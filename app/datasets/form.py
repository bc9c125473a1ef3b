"""A multipart form with one file, parsed piece by piece; the file's bytes are handed on, never gathered."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import FieldError, MalformedBodyError

FILE = "file"
FIELD_NAMES = ("name", "lang", "kind", "column")
_MAX_FIELDS = 32
_MAX_VALUE = 2000


class Form:
    """The state of one form.

    Parameters
    ----------
    boundary : bytes
        From the request's content type.

    Raises
    ------
    MalformedBodyError
        If there is no boundary.
    """

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, list[str]] = {}
        """Values of the fields beside the file."""
        self.filename: str | None = None
        self.media = ""
        """Content type of the file's part."""
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = b"", b""
        self._field, self._text = "", bytearray()
        self._pieces: list[bytes] = []
        self._has_file = self._ended = False
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._close,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as error:
            raise MalformedBodyError(f"not a multipart form: {error}") from None
        if not boundary:
            raise MalformedBodyError("not a multipart form: the content type names no boundary")

    def feed(self, chunk: bytes) -> list[bytes]:
        """Parse on, and give the pieces of the file that the chunk held.

        Raises
        ------
        MalformedBodyError
            If it is no such form.
        FieldError
            If a field is unknown, too long, or the file comes twice.
        """
        self._pieces = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedBodyError(f"not a multipart form: {str(error)[:200]}") from None
        return self._pieces

    def finish(self) -> None:
        """Check that the form came whole.

        Raises
        ------
        MalformedBodyError
            If it ends in the middle.
        """
        if not self._ended:
            raise MalformedBodyError("not a multipart form: it ends before its last boundary")

    def _begin(self) -> None:
        self._headers = {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf8", "replace")
        if self._field == FILE:
            if self._has_file:
                raise FieldError("two files; send one a request", FILE)
            self._has_file = True
            self.filename = options.get(b"filename", b"").decode("utf8", "replace") or None
            self.media = parse_options_header(self._headers.get(b"content-type", b""))[0].decode("latin-1")
        elif self._field not in FIELD_NAMES:
            raise FieldError(f"unknown field; there are {', '.join((FILE, *FIELD_NAMES))}", self._field[:100])
        elif sum(map(len, self.fields.values())) == _MAX_FIELDS:
            raise FieldError(f"more than {_MAX_FIELDS} fields", self._field)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field == FILE:
            self._pieces.append(bytes(data[start:end]))
            return
        self._text += data[start:end]
        if len(self._text) > _MAX_VALUE:
            raise FieldError(f"longer than {_MAX_VALUE:,} bytes", self._field)

    def _close(self) -> None:
        if self._field == FILE:
            return
        try:
            value = self._text.decode("utf8")
        except UnicodeDecodeError:
            raise FieldError("not valid UTF-8", self._field) from None
        self.fields.setdefault(self._field, []).append(value)
        self._text.clear()

    def _end(self) -> None:
        self._ended = True
