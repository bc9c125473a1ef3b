"""The only reader of the environment.

`home` and `set_threads` are here without pydantic, for the command line; the settings of the service are in
`app.settings.service`.
"""

from app.settings.process import home, set_threads

__all__ = ["home", "set_threads"]
