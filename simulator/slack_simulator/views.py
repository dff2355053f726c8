"""Checks a view against Block Kit's rules and names each mistake by its json-pointer, as Slack does.

Limits: https://docs.slack.dev/surfaces/app-home and https://docs.slack.dev/reference/block-kit/. Each checker takes a
value, its pointer and the list of mistakes so far. What Slack does not document as allowed is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Checker = Callable[[Any, str, list[str]], None]

MAX_VIEW_BYTES = 250_000
MAX_BLOCKS = 100


def view_errors(view: Any, *, kind: str = "home", pointer: str = "/view") -> list[str]:
    """The mistakes of `view`, which must be of type `kind` (`home` or `modal`); none means that Slack takes it."""
    errors: list[str] = []
    (_HOME if kind == "home" else _MODAL)(view, pointer, errors)
    if not errors:
        errors.extend(_repeated(view["blocks"], pointer))
    return errors


def image_urls(view: dict[str, Any], pointer: str = "/view") -> Iterator[tuple[str, str]]:
    """Every image_url in `view` with its json-pointer."""
    return _find_images(view["blocks"], f"{pointer}/blocks")


def _find_images(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if value.get("type") == "image" and isinstance(value.get("image_url"), str):
            yield f"{pointer}/image_url", value["image_url"]
        for key, child in value.items():
            yield from _find_images(child, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _find_images(child, f"{pointer}/{index}")


def controls(blocks: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every element with an action_id, with the block_id of its block."""
    for block in blocks:
        candidates = [block.get("accessory"), block.get("element"), *block.get("elements", [])]
        for element in candidates:
            if isinstance(element, dict) and "action_id" in element:
                yield str(block.get("block_id", "")), element


def _repeated(blocks: list[dict[str, Any]], pointer: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            yield _error(f"block_id `{block_id}` already exists", f"{pointer}/blocks/{index}/block_id")
        seen.add(block_id or "")
        actions = [element["action_id"] for _, element in controls([block])]
        for action in sorted({a for a in actions if actions.count(a) > 1}):
            yield _error(f"action_id `{action}` already exists", f"{pointer}/blocks/{index}")


def _error(message: str, pointer: str) -> str:
    return f"[ERROR] {message} [json-pointer:{pointer}]"


def string(most: int, least: int = 1) -> Checker:
    """A string of `least` to `most` characters."""

    def check(value: Any, pointer: str, errors: list[str]) -> None:
        if not isinstance(value, str):
            errors.append(_error("must provide a string", pointer))
        elif len(value) > most:
            errors.append(_error(f"must be less than {most + 1} characters", pointer))
        elif len(value) < least:
            errors.append(_error(f"must be more than {least - 1} characters", pointer))

    return check


def matching(pattern: str, name: str) -> Checker:
    """A string that looks like `name`."""
    compiled = re.compile(pattern)

    def check(value: Any, pointer: str, errors: list[str]) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            errors.append(_error(f"must be a valid {name}", pointer))

    return check


def choice(*values: str) -> Checker:
    """One of `values`."""

    def check(value: Any, pointer: str, errors: list[str]) -> None:
        if value not in values:
            errors.append(_error(f"must be one of: {', '.join(values)}", pointer))

    return check


def boolean(value: Any, pointer: str, errors: list[str]) -> None:
    """True or false."""
    if not isinstance(value, bool):
        errors.append(_error("must provide a boolean", pointer))


def whole_number(value: Any, pointer: str, errors: list[str]) -> None:
    """A time in seconds since the epoch, ten digits."""
    if not isinstance(value, int) or isinstance(value, bool) or len(str(value)) != 10:  # noqa: PLR2004
        errors.append(_error("must be a 10 digit number", pointer))


def anything(_value: Any, _pointer: str, _errors: list[str]) -> None:
    """What Slack describes elsewhere and a Home tab of ours does not use."""


def array(item: Checker, most: int, least: int = 1) -> Checker:
    """A list of `least` to `most` items."""

    def check(value: Any, pointer: str, errors: list[str]) -> None:
        if not isinstance(value, list):
            errors.append(_error("must provide an array", pointer))
            return
        if len(value) > most:
            errors.append(_error(f"no more than {most} items allowed", pointer))
            return
        if len(value) < least:
            errors.append(_error(f"no fewer than {least} items allowed", pointer))
        for index, child in enumerate(value):
            item(child, f"{pointer}/{index}", errors)

    return check


def obj(*, required: dict[str, Checker], optional: dict[str, Checker], also: Checker | None = None) -> Checker:
    """An object of these fields and no others; `also` looks at the whole once the fields are right."""
    fields = {**required, **optional}

    def check(value: Any, pointer: str, errors: list[str]) -> None:
        if not isinstance(value, dict):
            errors.append(_error("must provide an object", pointer))
            return
        before = len(errors)
        errors.extend(_error(f"missing required field: {name}", pointer) for name in required if name not in value)
        for name, child in value.items():
            if name in fields:
                fields[name](child, f"{pointer}/{name}", errors)
            else:
                errors.append(_error(f"invalid additional property: {name}", pointer))
        if also is not None and len(errors) == before:
            also(value, pointer, errors)

    return check


def by_type(kinds: dict[str, Checker]) -> Checker:
    """An object whose `type` says which of `kinds` it is."""

    def check(value: Any, pointer: str, errors: list[str]) -> None:
        if not isinstance(value, dict):
            errors.append(_error("must provide an object", pointer))
        elif not isinstance(value.get("type"), str) or value["type"] not in kinds:
            errors.append(_error(f"unsupported type: {value.get('type')}", f"{pointer}/type"))
        else:
            kinds[value["type"]](value, pointer, errors)

    return check


def typed(**fields: dict[str, Checker]) -> Callable[[str, Checker | None], Checker]:
    """An object that has a `type` beside these `required` and `optional` fields; its name is given last."""

    def named(name: str, also: Checker | None = None) -> Checker:
        required = {"type": choice(name), **fields.get("required", {})}
        return obj(required=required, optional=fields.get("optional", {}), also=also)

    return named


def plain(most: int) -> Checker:
    """A plain_text object."""
    return obj(
        required={"type": choice("plain_text"), "text": string(most)},
        optional={"emoji": boolean},
    )


def text(most: int) -> Checker:
    """A plain_text or mrkdwn object."""
    mrkdwn = obj(required={"type": choice("mrkdwn"), "text": string(most)}, optional={"verbatim": boolean})
    return by_type({"plain_text": plain(most), "mrkdwn": mrkdwn})


def _same_as_an_option(value: Any, pointer: str, errors: list[str]) -> None:
    options = list(value.get("options", []))
    for group in value.get("option_groups", []):
        options.extend(group["options"])
    chosen = [("initial_option", value["initial_option"])] if "initial_option" in value else []
    chosen += [(f"initial_options/{i}", option) for i, option in enumerate(value.get("initial_options", []))]
    for name, option in chosen:
        if option not in options:
            errors.append(_error(f"{name.partition('/')[0]} must match one of the options", f"{pointer}/{name}"))


def _one_source_of_options(value: Any, pointer: str, errors: list[str]) -> None:
    if ("options" in value) == ("option_groups" in value):
        errors.append(_error("must provide either options or option_groups", pointer))
        return
    _same_as_an_option(value, pointer, errors)


def _one_source_of_image(value: Any, pointer: str, errors: list[str]) -> None:
    if ("image_url" in value) == ("slack_file" in value):
        errors.append(_error("must provide either image_url or slack_file", pointer))
    elif "slack_file" in value:
        errors.append(_error("invalid slack file", f"{pointer}/slack_file"))


def _text_or_fields(value: Any, pointer: str, errors: list[str]) -> None:
    if "text" not in value and "fields" not in value:
        errors.append(_error("must provide either text or fields", pointer))


_URL = matching(r"https?://[^\s]{1,2990}", "URL")
_ID = string(255)
_CONFIRM = obj(
    required={"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    optional={"style": choice("primary", "danger")},
)
_OPTION = obj(required={"text": plain(75), "value": string(150)}, optional={"description": plain(75)})
_RICH_OPTION = obj(required={"text": text(75), "value": string(150)}, optional={"description": text(75)})
_OVERFLOW_OPTION = obj(
    required={"text": plain(75), "value": string(150)}, optional={"description": plain(75), "url": _URL}
)
_GROUP = obj(required={"label": plain(75), "options": array(_OPTION, 100)}, optional={})

_ACTION: dict[str, Checker] = {"action_id": _ID, "confirm": _CONFIRM, "focus_on_load": boolean}
_SELECT: dict[str, Checker] = {**_ACTION, "placeholder": plain(150)}
_LISTED: dict[str, Checker] = {**_SELECT, "options": array(_OPTION, 100), "option_groups": array(_GROUP, 100)}
_PICKED: dict[str, Checker] = {"options": array(_RICH_OPTION, 10)}

_IMAGE_FIELDS: dict[str, Checker] = {"image_url": _URL, "slack_file": anything}
_IMAGE_ELEMENT = typed(required={"alt_text": string(2000)}, optional=_IMAGE_FIELDS)("image", _one_source_of_image)
_BUTTON = typed(
    required={"text": plain(75)},
    optional={
        **{k: v for k, v in _ACTION.items() if k != "focus_on_load"},
        "url": _URL,
        "value": string(2000),
        "style": choice("primary", "danger"),
        "accessibility_label": string(75),
    },
)("button", None)

_INPUTS: dict[str, Checker] = {
    "static_select": typed(optional={**_LISTED, "initial_option": anything})("static_select", _one_source_of_options),
    "multi_static_select": typed(
        optional={**_LISTED, "initial_options": array(anything, 100), "max_selected_items": anything}
    )("multi_static_select", _one_source_of_options),
    "users_select": typed(optional={**_SELECT, "initial_user": string(30)})("users_select", None),
    "conversations_select": typed(optional={**_SELECT, "initial_conversation": string(30)})(
        "conversations_select", None
    ),
    "external_select": typed(optional={**_SELECT, "initial_option": _OPTION, "min_query_length": anything})(
        "external_select", None
    ),
    "radio_buttons": typed(required=_PICKED, optional={**_ACTION, "initial_option": anything})(
        "radio_buttons", _same_as_an_option
    ),
    "checkboxes": typed(required=_PICKED, optional={**_ACTION, "initial_options": array(anything, 10)})(
        "checkboxes", _same_as_an_option
    ),
    "datepicker": typed(
        optional={**_SELECT, "initial_date": matching(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "date")}
    )("datepicker", None),
    "timepicker": typed(
        optional={
            **_SELECT,
            "initial_time": matching(r"([01]\d|2[0-3]):[0-5]\d", "time"),
            "timezone": matching(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*", "timezone"),
        }
    )("timepicker", None),
    "datetimepicker": typed(optional={**_ACTION, "initial_date_time": whole_number})("datetimepicker", None),
}
_OVERFLOW = typed(required={"options": array(_OVERFLOW_OPTION, 5)}, optional={"action_id": _ID, "confirm": _CONFIRM})(
    "overflow", None
)
_TYPED_TEXT: dict[str, Checker] = {
    name: typed(
        optional={
            **_SELECT,
            "initial_value": string(3000, 0),
            "multiline": boolean,
            "min_length": anything,
            "max_length": anything,
            "is_decimal_allowed": boolean,
            "min_value": anything,
            "max_value": anything,
            "dispatch_action_config": anything,
        }
    )(name, None)
    for name in ("plain_text_input", "number_input", "email_text_input", "url_text_input")
}
_INTERACTIVE = {**_INPUTS, "button": _BUTTON, "overflow": _OVERFLOW}
_ACCESSORY = {**{k: v for k, v in _INTERACTIVE.items() if k != "datetimepicker"}, "image": _IMAGE_ELEMENT}
_CONTEXT_ELEMENT = by_type(
    {
        "image": _IMAGE_ELEMENT,
        "plain_text": plain(3000),
        "mrkdwn": obj(required={"type": choice("mrkdwn"), "text": string(3000)}, optional={"verbatim": boolean}),
    }
)
_RICH = by_type(
    dict.fromkeys(
        ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"),
        obj(
            required={"type": anything, "elements": array(anything, 1000, 0)},
            optional={"style": anything, "indent": anything, "offset": anything, "border": anything},
        ),
    )
)

_BLOCK = by_type(
    {
        "actions": typed(required={"elements": array(by_type(_INTERACTIVE), 25)}, optional={"block_id": _ID})(
            "actions", None
        ),
        "context": typed(required={"elements": array(_CONTEXT_ELEMENT, 10)}, optional={"block_id": _ID})(
            "context", None
        ),
        "divider": typed(optional={"block_id": _ID})("divider", None),
        "header": typed(required={"text": plain(150)}, optional={"block_id": _ID})("header", None),
        "image": typed(
            required={"alt_text": string(2000)},
            optional={**_IMAGE_FIELDS, "title": plain(2000), "block_id": _ID},
        )("image", _one_source_of_image),
        "input": typed(
            required={"label": plain(2000), "element": by_type({**_INPUTS, **_TYPED_TEXT})},
            optional={"block_id": _ID, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
        )("input", None),
        "rich_text": typed(required={"elements": array(_RICH, 100)}, optional={"block_id": _ID})("rich_text", None),
        "section": typed(
            optional={
                "text": text(3000),
                "fields": array(text(2000), 10),
                "accessory": by_type(_ACCESSORY),
                "block_id": _ID,
                "expand": boolean,
            }
        )("section", _text_or_fields),
    }
)
_SHARED: dict[str, Checker] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
_HOME = typed(required={"blocks": array(_BLOCK, MAX_BLOCKS)}, optional=_SHARED)("home", None)
_MODAL = typed(
    required={"blocks": array(_BLOCK, MAX_BLOCKS), "title": plain(24)},
    optional={
        **_SHARED,
        "submit": plain(24),
        "close": plain(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)("modal", None)
