"""The shape of language tags, for requests and the command line."""

LANGUAGE_SHAPE = r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*"
"""Tags such as ``ko``, ``pt-BR`` and ``kor_Hang``; the names of languages are none."""
EXPECTED = "a language tag such as ko or pt-BR"
