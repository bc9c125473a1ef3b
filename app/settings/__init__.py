"""The only reader of the environment.

`api_key`, `home`, `server_url` and `set_up_libraries` are here without pydantic, for the command line; the
settings of the service are in `app.settings.service`.
"""

from app.settings.process import api_key, home, server_url, set_up_libraries

__all__ = ["api_key", "home", "server_url", "set_up_libraries"]
