"""A client of the service, sync and async; it needs httpx and pydantic, not the library.

>>> from app.client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     answer = client.augment(["음식이 정말 맛있어요."], k=4)
...     vector = answer.data[0].embeddings[0].values()

``augment_all`` takes any number of texts, sends them in chunks and gives the items as they come.
"""

from app.client.clients import AsyncClient, Client
from app.client.errors import ApiError, ClientError, ConnectionFailedError
from app.client.flows import Progress

__all__ = ["ApiError", "AsyncClient", "Client", "ClientError", "ConnectionFailedError", "Progress"]
