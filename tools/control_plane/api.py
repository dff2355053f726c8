"""Speaks to an API server: JSON over HTTPS, one connection a request, no client library between test and server."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Final

from control_plane.errors import ApiError

MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML. Give `?fieldManager=` in the path."""

TIMEOUT_SECONDS: Final = 30.0


class Api:
    """An API server as one user sees it."""

    def __init__(self, *, port: int, ca: Path, token: str) -> None:
        """`ca` may not be there yet: requests raise OSError until it is."""
        self._port = port
        self._ca = ca
        self._token = token

    def get(self, path: str) -> dict[str, Any]:
        """Read an object, a list, or what else there is at `path` (with its query). Raises as `request` does."""
        return self.request("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create what `body` says in the collection at `path`. Raises as `request` does."""
        return self.request("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace the object at `path`. Raises as `request` does."""
        return self.request("PUT", path, body)

    def patch(self, path: str, body: dict[str, Any], *, kind: str = MERGE_PATCH) -> dict[str, Any]:
        """Change the object at `path`. Raises as `request` does."""
        return self.request("PATCH", path, body, content_type=kind)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete the object at `path`. Raises as `request` does."""
        return self.request("DELETE", path)

    def exists(self, path: str) -> bool:
        """Whether there is something at `path`. Raises as `request` does, 404 apart."""
        try:
            self.get(path)
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return False
            raise
        return True

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send one request and return the JSON answer; an answer that is no JSON object comes as {"text": …}.

        Raises ApiError when the server refuses it, OSError when it cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type, "Accept": "application/json"}
        context = ssl.create_default_context(cafile=str(self._ca))
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS, context=context)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            told = _read(answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"the API server broke off: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            message = str(told.get("message", told.get("text", "")))
            raise ApiError(status=answer.status, reason=str(told.get("reason", "")), message=message)
        return told


def _read(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"text": content.decode(errors="replace")}
