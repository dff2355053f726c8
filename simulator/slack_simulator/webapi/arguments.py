"""Reads the arguments of a call: form, JSON or multipart, and the token from the one place where it may be."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from slack_simulator.errors import SlackError

BEARER = "Bearer "
MAX_UPLOAD = 20_000_000
"""Bytes of a body. Slack documents no limit for photos."""


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """`values` by name (strings, or whatever JSON held), `files` by name, and the token ('' if there is none)."""

    values: dict[str, Any]
    files: dict[str, bytes]
    token: str
    bearer: bool
    basic: str = ""


async def read(request: Request) -> Arguments:
    """The arguments of a call. Raises SlackError for a body that Slack would not read."""
    authorization = request.headers.get("authorization", "")
    bearer = authorization.removeprefix(BEARER) if authorization.startswith(BEARER) else ""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if int(request.headers.get("content-length") or 0) > MAX_UPLOAD:
        raise SlackError("request_too_large", status=413)
    files: dict[str, bytes] = {}
    if media_type == "application/json":
        values = _json(await request.body())
        token = bearer
    elif media_type == "multipart/form-data":
        values, files = await _multipart(request)
        token = bearer or str(values.pop("token", ""))
    elif media_type in {"", "application/x-www-form-urlencoded"}:
        body = await request.body()
        if body and not media_type:
            raise SlackError("missing_post_type")
        values = _form(body) if body else dict(request.query_params) if request.method == "GET" else {}
        token = bearer or (str(values.pop("token", "")) if body else "")
    elif await request.body():
        raise SlackError("invalid_post_type")
    else:
        values, token = {}, bearer
    basic = authorization[6:] if authorization[:6].lower() == "basic " else ""
    return Arguments(values=values, files=files, token=token, bearer=bool(bearer), basic=basic)


def _json(body: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SlackError("invalid_json") from error
    if not isinstance(decoded, dict):
        raise SlackError("json_not_object")
    return decoded


def _form(body: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except (UnicodeDecodeError, ValueError) as error:
        raise SlackError("invalid_form_data") from error


async def _multipart(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    values: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    try:
        async with request.form(max_part_size=MAX_UPLOAD) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
                else:
                    values[name] = value
    except HTTPException as error:
        raise SlackError("invalid_form_data") from error
    return values, files
