"""The only module that talks to Kubernetes: each method is one call, and those under *Writes* are all that we change.

kubernetes.aio brings connections, TLS and tokens that are read again when they are renewed; its models are left out, as
decoding into them costs more than all the rest of a reconcile.
"""

import base64
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import aiohttp
import msgspec
from kubernetes.aio import client, config

from rotavatar.errors import ConfigurationError, RotavatarError, Unavailable
from slacktenant_operator import measures

TENANTS: Final = "/apis/rotavatar.dev/v1alpha1"
PLURAL: Final = "slacktenants"
SELECTOR: Final = "rotavatar.dev/credential=true"
PAGE: Final = 500
"""Objects of one answer: more would hold memory on both sides, fewer cost round trips."""

JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Names, labels and versions without the content
(https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches)."""

CALL: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)
WATCH_SECONDS: Final = 600
SILENCE_SECONDS: Final = 70.0
"""The API server sends a bookmark each minute: a stream that says less is dead."""

TOKEN_FILE: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
HTTP_CONFLICT, HTTP_NOT_FOUND, HTTP_GONE = 409, 404, 410
PASSING: Final = frozenset({401, 408, 429})
"""Answers that another try may better: the token file was renewed, the server was busy."""

Body = dict[str, Any]


class Named(NamedTuple):
    """An object by its namespace and name."""

    namespace: str
    name: str


class Metadata(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What identifies an object and its present content. A bookmark of a watch has a version only."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""

    @property
    def named(self) -> Named:
        """Where it is."""
        return Named(self.namespace, self.name)

    @property
    def identity(self) -> str:
        """`uid/resourceVersion`: the same as long as nothing about the object changed."""
        return f"{self.uid}/{self.resource_version}"


class Partial(msgspec.Struct, frozen=True, gc=False):
    """An object reduced to its metadata."""

    metadata: Metadata


class ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """The frame of a list."""

    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, frozen=True):
    """A part of a list; `metadata.continue_` leads to the next one."""

    metadata: ListMetadata
    items: list[Partial] | None = None
    """None where there are none: this is how the API server writes an empty list of metadata."""

    @property
    def objects(self) -> list[Metadata]:
        """What it brought."""
        return [item.metadata for item in self.items or ()]


class Watched(msgspec.Struct, frozen=True):
    """One line of a watch. `object` of an ERROR is a Status, whose `metadata` is empty."""

    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct, frozen=True):
    code: int = 0


class SecretContent:
    """A Secret as it was read. Lives as long as one reconcile."""

    __slots__ = ("data", "identity", "labelled", "metadata", "owner")

    def __init__(self, body: Body) -> None:
        self.metadata = msgspec.convert(body["metadata"], Metadata)
        self.identity = self.metadata.identity
        self.labelled = body["metadata"].get("labels", {}).get("rotavatar.dev/credential") == "true"
        owners = [each for each in body["metadata"].get("ownerReferences", []) if each["kind"] == "SlackTenant"]
        self.owner: str | None = owners[0]["uid"] if owners else None
        self.data: dict[str, bytes] = {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()}

    def __repr__(self) -> str:
        return f"SecretContent({self.metadata.namespace}/{self.metadata.name})"


class Overtaken(RotavatarError):
    """Somebody changed, replaced or made the object first: read it again."""


class Expired(RotavatarError):
    """The history of a watch no longer reaches back to where it was left: list again."""


class Refused(RotavatarError):
    """The API server does not let us, or does not take what we sent: trying again will not help by itself."""


class Cluster:
    """The Kubernetes API as this operator uses it. An asynchronous context manager.

    Every method raises Unavailable while the API server is away or busy, and Refused where it says No.
    """

    def __init__(self, configuration: client.Configuration) -> None:
        """See `connect`."""
        self._api = client.ApiClient(configuration)
        self._host = str(configuration.host)

    @classmethod
    async def connect(cls) -> "Cluster":
        """As the pod's service account, else as `KUBECONFIG` says. Raises ConfigurationError where neither is there.

        Like kopf's watch it asks neither HTTPS_PROXY nor ~/.netrc, which aiohttp would read again for every request,
        each in a thread: the way to the API server is in the kubeconfig.
        """
        configuration = client.Configuration()
        configuration.client_session_kwargs = {"trust_env": False}
        try:
            if os.path.exists(TOKEN_FILE):  # noqa: PTH110, ASYNC240 - once, at the start
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise ConfigurationError(
                f"no way to the Kubernetes API ({error}): run in a pod with a service account, "
                "or name a kubeconfig in the variable KUBECONFIG."
            ) from None
        return cls(configuration)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()  # type: ignore[no-untyped-call]

    # Reads

    async def check(self, namespace: str | None) -> str | None:
        """Whether SlackTenants can be listed: None, or why not."""
        try:
            await self._call("GET", f"{TENANTS}{_within(namespace)}/{PLURAL}?limit=1", accept=METADATA_LIST)
        except RotavatarError as error:
            return str(error)
        return None

    async def tenants(self, namespace: str | None) -> AsyncIterator[list[Metadata]]:
        """All SlackTenants of a namespace, or (None) of the cluster, as metadata, page by page, of one instant."""
        async for page in self._pages(f"{TENANTS}{_within(namespace)}/{PLURAL}", ""):
            yield page.objects

    async def tenant(self, at: Named) -> Body | None:
        """A SlackTenant as it is now; None where there is none."""
        return await self._object("GET", _tenant(at))

    async def secret(self, at: Named) -> SecretContent | None:
        """A Secret as it is now; None where there is none."""
        body = await self._object("GET", _secret(at))
        return None if body is None else SecretContent(body)

    async def namespace_ends(self, name: str) -> bool:
        """Whether a namespace is being deleted or gone."""
        body = await self._object("GET", f"/api/v1/namespaces/{name}")
        return body is None or "deletionTimestamp" in body["metadata"]

    async def secrets(self, namespace: str | None) -> AsyncIterator[Page]:
        """The metadata of all labelled Secrets, page by page, of one instant."""
        async for page in self._pages(f"/api/v1{_within(namespace)}/secrets", f"labelSelector={_query(SELECTOR)}"):
            yield page

    async def watch_secrets(self, namespace: str | None, since: str) -> AsyncIterator[tuple[str, Metadata]]:
        """What happens to labelled Secrets after the version `since`: (ADDED, MODIFIED, DELETED or BOOKMARK; metadata).

        Ends after some minutes or when the connection breaks: go on from the last version seen. Raises Expired.
        """
        query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={since}"
        path = f"/api/v1{_within(namespace)}/secrets?{query}&labelSelector={_query(SELECTOR)}"
        patience = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_SECONDS)
        response = await self._send("GET", path, accept=METADATA, patience=patience)
        try:
            async for line in response.content:
                yield _watched(line)
        except (aiohttp.ClientError, TimeoutError):
            return
        finally:
            response.close()

    # Writes

    async def patch_status(self, at: Named, uid: str, status: Mapping[str, Any]) -> Body | None:
        """Merge `status` into a tenant's; None where it is gone. Raises Overtaken where another took its name."""
        body = {"metadata": {"uid": uid}, "status": status}
        return await self._object("PATCH", f"{_tenant(at)}/status", body, content=MERGE)

    async def set_finalizers(self, at: Named, uid: str, version: str, finalizers: list[str]) -> Body | None:
        """Replace a tenant's finalizers if it is still of `version`; None where it is gone. Raises Overtaken."""
        metadata = {"uid": uid, "resourceVersion": version, "finalizers": finalizers}
        return await self._object("PATCH", _tenant(at), {"metadata": metadata}, content=MERGE)

    async def create_tenant(self, namespace: str, body: Body) -> Body:
        """Make a SlackTenant. Raises Overtaken where there is one of that name."""
        return await self._made(f"{TENANTS}/namespaces/{namespace}/{PLURAL}", body)

    async def delete_tenant(self, at: Named, uid: str) -> None:
        """Ask for the end of a tenant; none is well. Raises Overtaken where another has its name by now."""
        await self._delete(_tenant(at), uid)

    async def create_secret(self, namespace: str, body: Body) -> Body:
        """Make a Secret. Raises Overtaken where there is one of that name."""
        return await self._made(f"/api/v1/namespaces/{namespace}/secrets", body)

    async def replace_secret(self, at: Named, body: Body) -> Body | None:
        """Replace a Secret by `body`, whose metadata names the version that it replaces; None where it is gone."""
        return await self._object("PUT", _secret(at), body)

    async def delete_secret(self, at: Named, uid: str) -> None:
        """Delete a Secret; none is well. Raises Overtaken where another has its name by now."""
        await self._delete(_secret(at), uid)

    async def create_event(self, namespace: str, body: Body) -> None:
        """Tell something about an object."""
        await self._made(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", body)

    # How

    async def _pages(self, path: str, query: str) -> AsyncIterator[Page]:
        token = ""
        while True:
            more = f"&continue={_query(token)}" if token else ""
            page = _page.decode(await self._call("GET", f"{path}?limit={PAGE}&{query}{more}", accept=METADATA_LIST))
            yield page
            token = page.metadata.continue_
            if not token:
                return

    async def _object(self, verb: str, path: str, body: Body | None = None, *, content: str = JSON) -> Body | None:
        try:
            return _decode(await self._call(verb, path, body, content=content))
        except _NotFound:
            return None

    async def _made(self, path: str, body: Body) -> Body:
        try:
            return _decode(await self._call("POST", path, body))
        except _NotFound:
            raise Refused(f"nothing can be made in {path}: the namespace is gone") from None

    async def _delete(self, path: str, uid: str) -> None:
        try:
            await self._call("DELETE", path, {"preconditions": {"uid": uid}})
        except _NotFound:
            return

    async def _call(
        self, verb: str, path: str, body: Body | None = None, *, content: str = JSON, accept: str = JSON
    ) -> bytes:
        measures.api_calls.labels(verb=verb).inc()
        response = await self._send(verb, path, body, content=content, accept=accept)
        try:
            return await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _away(error) from None

    async def _send(
        self,
        verb: str,
        path: str,
        body: Body | None = None,
        *,
        content: str = JSON,
        accept: str = JSON,
        patience: aiohttp.ClientTimeout = CALL,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept, "Content-Type": content}
        try:
            await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, verb, body)
            reply = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
                verb, self._host + path, headers=headers, body=body, _request_timeout=patience
            )
            response: aiohttp.ClientResponse = reply.response
            if response.ok:
                return response
            text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _away(error) from None
        measures.api_errors.labels(code=response.status).inc()
        raise _error(verb, path, response.status, text)


class _NotFound(RotavatarError):
    """There is no such object."""


def _away(error: Exception) -> Unavailable:
    measures.api_errors.labels(code=0).inc()
    return Unavailable(f"the Kubernetes API is away: {type(error).__name__}")


def _error(verb: str, path: str, code: int, text: bytes) -> RotavatarError:
    """What an answer other than success means. The server's own sentence is kept where a person has to act on it."""
    where = f"{verb} {path.partition('?')[0]}: {code}"
    if code == HTTP_NOT_FOUND and _told(text, "reason") == "NotFound":
        return _NotFound(where)
    if code == HTTP_NOT_FOUND:
        # An API server that starts does not serve the definition yet: that says nothing about any object.
        return Unavailable(f"the Kubernetes API does not serve {where}")
    if code == HTTP_CONFLICT:
        return Overtaken(where)
    if code == HTTP_GONE:
        return Expired(where)
    if code in PASSING or code >= 500:  # noqa: PLR2004 - the HTTP class of server errors
        return Unavailable(f"the Kubernetes API does not serve now: {where}")
    return Refused(f"{where} {_told(text, 'message')}")


def _told(text: bytes, field: str) -> str:
    """A field of the Status that an answer holds; empty where it holds none."""
    try:
        return str(msgspec.json.decode(text)[field])[:500]
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""


def _watched(line: bytes) -> tuple[str, Metadata]:
    """One line of a watch. Raises Expired for every ERROR: whatever it is, a new list is a sound beginning."""
    watched = _line.decode(line)
    if watched.type == "ERROR":
        raise Expired(f"the watch ended: {msgspec.json.decode(watched.object, type=_Status).code}")
    return watched.type, _partial.decode(watched.object).metadata


def _decode(raw: bytes) -> Body:
    return msgspec.json.decode(raw, type=Body)


def _within(namespace: str | None) -> str:
    return "" if namespace is None else f"/namespaces/{namespace}"


def _tenant(at: Named) -> str:
    return f"{TENANTS}/namespaces/{at.namespace}/{PLURAL}/{at.name}"


def _secret(at: Named) -> str:
    return f"/api/v1/namespaces/{at.namespace}/secrets/{at.name}"


def _query(value: str) -> str:
    return quote(value, safe="")


_page = msgspec.json.Decoder(Page)
_line = msgspec.json.Decoder(Watched)
_partial = msgspec.json.Decoder(Partial)
