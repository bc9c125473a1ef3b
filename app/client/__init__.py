"""A client of the service, sync and async; it needs httpx and pydantic, not the library.

>>> from app.client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     answer = client.augment(["음식이 정말 맛있어요."], k=4)
...     vector = answer.data[0].embeddings[0].values()

>>> job = client.finetune(source={"bundle": "reviews"}, target={"texts": texts, "lang": "ko"})
>>> for event in client.follow(job.id):
...     print(event.type, event.data)

``augment_all`` takes any number of texts, sends them in chunks and gives the items as they come.
"""

from app.client.async_client import AsyncClient
from app.client.errors import ApiError, ClientError, ConnectionFailedError, DamagedError
from app.client.flows import Progress
from app.client.sync_client import Client

__all__ = ["ApiError", "AsyncClient", "Client", "ClientError", "ConnectionFailedError", "DamagedError", "Progress"]
