"""How settings are read: from `ROTAVATAR_<NAME>`, or from the mounted file that `ROTAVATAR_<NAME>_FILE` names.

A setting is declared once, as the annotation of a field (see settings.py). `load` fills a tree of such structs from an
environment and reports every problem at once, a sentence each. A value that is secret is never part of a sentence.
"""

import difflib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from rotavatar.errors import ConfigurationError
from rotavatar.redis_url import parse_redis_url

PREFIX = "ROTAVATAR_"

MAX_FILE_BYTES = 65_536
"""No setting is near this size; a path that names a log or a device by mistake must not fill the memory."""

SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$")
"""What Kubernetes puts into every pod for each Service of its namespace, so for ours too
(https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables)."""

Kind = TypeVar("Kind", bound=msgspec.Struct)


class Secret:
    """A text that shows itself only to `reveal`: not in repr, str, format, comparison timing, pickle or JSON."""

    __slots__ = ("_value", "file")

    def __init__(self, value: str, *, file: Path | None = None) -> None:
        """`file` is the mounted file it was read from, for who wants to notice that it changed."""
        self._value = value
        self.file = file

    def reveal(self) -> str:
        """The text itself. Call it where it is used, and keep the result in no field."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither copied nor pickled")


class Given(msgspec.Struct, frozen=True):
    """What somebody configured: the text without surrounding white space, and the file it came from."""

    text: str
    file: Path | None = None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The declaration of one setting, to stand in the annotation of a field."""

    name: str
    """Without the prefix."""
    read: Callable[[Given], object]
    """Makes the field's value. Raises ValueError, worded to follow the name: "must be …"."""
    description: str
    """What it is for, as a sentence."""
    unit: str
    """Unit or form of the value."""
    default: str | None = None
    """As one would write it; None: it must be given."""
    secret: bool = False

    @property
    def variable(self) -> str:
        """The name of the environment variable."""
        return PREFIX + self.name


def declared(kind: type[msgspec.Struct]) -> Iterator[Setting]:
    """Every setting of a struct and of the groups inside it, in order."""
    for _, declaration in _fields(kind):
        if isinstance(declaration, Setting):
            yield declaration
        else:
            yield from declared(declaration)


def load(kind: type[Kind], environ: Mapping[str, str], *, known: Iterable[Setting]) -> Kind:
    """Read what `kind` declares from `environ`; variables that are no setting in `known` are refused.

    Raises ConfigurationError with one line for each problem.
    """
    problems = _unknown(environ, known=known)
    loaded = _load(kind, environ, problems=problems)
    if problems or loaded is None:
        raise ConfigurationError("\n".join(problems))
    return loaded


def mounted(path: Path) -> str:
    """The text of a mounted file, without surrounding white space. Raises ValueError that says what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"names {path}, which cannot be read ({error.strerror})") from None
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"names {path}, which has more than {MAX_FILE_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ValueError(f"names {path}, which is not text in UTF-8") from None
    if not text:
        raise ValueError(f"names {path}, which is empty")
    return text


def _fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, Setting | type[msgspec.Struct]]]:
    for name, hint in get_type_hints(kind, include_extras=True).items():
        yield name, hint.__metadata__[0] if get_origin(hint) is Annotated else hint


def _load(kind: type[Kind], environ: Mapping[str, str], *, problems: list[str]) -> Kind | None:
    before = len(problems)
    values: dict[str, object] = {}
    for name, declaration in _fields(kind):
        if isinstance(declaration, Setting):
            try:
                values[name] = _value(declaration, environ)
            except ValueError as error:
                problems.append(str(error))
        else:
            values[name] = _load(declaration, environ, problems=problems)
    return kind(**values) if len(problems) == before else None


def _value(setting: Setting, environ: Mapping[str, str]) -> object:
    given = _given(setting, environ)
    source = f"{setting.variable}_FILE" if given.file else setting.variable
    try:
        return setting.read(given)
    except ValueError as error:
        shown = "" if setting.secret else f", not {given.text[:80]!r}"
        linked = SERVICE_LINK.search(setting.variable) and given.text.startswith("tcp://")
        hint = " (Kubernetes set it: give the pod `enableServiceLinks: false`)" if linked else ""
        raise ValueError(f"{source} {error}{shown}{hint}.") from None


def _given(setting: Setting, environ: Mapping[str, str]) -> Given:
    variable = setting.variable
    text, path = environ.get(variable, "").strip(), environ.get(f"{variable}_FILE", "").strip()
    if text and path:
        raise ValueError(f"{variable} and {variable}_FILE are both set: remove one of them.")
    if path:
        try:
            return Given(text=mounted(Path(path)), file=Path(path))
        except ValueError as error:
            raise ValueError(f"{variable}_FILE {error}: mount the file, or correct the path.") from None
    if text:
        return Given(text=text)
    if setting.default is None:
        raise ValueError(f"{variable} is missing: set it, or name a file with {variable}_FILE. {setting.description}")
    return Given(text=setting.default)


def _unknown(environ: Mapping[str, str], *, known: Iterable[Setting]) -> list[str]:
    names = {name for setting in known for name in (setting.variable, f"{setting.variable}_FILE")}
    strangers = (name for name in environ if name.startswith(PREFIX) and name not in names)
    return [_stranger(name, names) for name in sorted(strangers) if not SERVICE_LINK.search(name)]


def _stranger(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.75)
    advice = f"did you mean {near[0]}?" if near else "remove it, or look in docs/settings.md for its right name."
    return f"{name} is not a setting: {advice}"


# Readers: each makes one kind of value from what was given.


def text(pattern: str, *, form: str) -> Callable[[Given], str]:
    """A text that matches the whole `pattern`; `form` says in words what it must be."""

    def read(given: Given) -> str:
        if not re.fullmatch(pattern, given.text):
            raise ValueError(f"must be {form}")
        return given.text

    return read


def whole(low: int, high: int) -> Callable[[Given], int]:
    """A whole number from `low` to `high`."""

    def read(given: Given) -> int:
        # isdecimal alone admits digits of other scripts, and int() admits underscores.
        if not (given.text.isascii() and given.text.isdecimal() and low <= int(given.text[:20]) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(given.text)

    return read


def choice(literal: Any) -> Callable[[Given], str]:
    """One of the words of a `Literal`, in any case."""
    words: tuple[str, ...] = get_args(literal)

    def read(given: Given) -> str:
        if given.text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return given.text.lower()

    return read


def origin(given: Given) -> str:
    """`scheme://host[:port]` of http or https, without the slash at the end."""
    try:
        parts = urlsplit(given.text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be an address like https://rotavatar.example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def folder(given: Given) -> Path:
    """A folder's path. Whether it exists is the concern of who uses it."""
    return Path(given.text).expanduser()


def redis_url(given: Given) -> Secret:
    """A URL in one of the forms of redis_url.py; secret, as it may hold a password."""
    try:
        parse_redis_url(given.text)
    except ValueError:
        raise ValueError(
            "must be a URL like redis://:password@host:6379/0, rediss:// for TLS, "
            "or redis+sentinel://host:26379,host:26379/primary/0"
        ) from None
    return Secret(given.text, file=given.file)


def optional_text(given: Given) -> str:
    """Any text in one line, or nothing."""
    if given.text and not given.text.isprintable():
        raise ValueError("must be one line of text")
    return given.text


def optional_secret(given: Given) -> Secret | None:
    """A secret without white space inside, or None."""
    return secret(given) if given.text else None


def certificates(given: Given) -> str:
    """Certificates in PEM, or nothing."""
    if given.text and "-----BEGIN CERTIFICATE-----" not in given.text:
        raise ValueError("must hold certificates in PEM, beginning with -----BEGIN CERTIFICATE-----")
    return given.text


def secret(given: Given) -> Secret:
    """One secret without white space inside, which would be the sign of a bad copy."""
    if re.search(r"\s", given.text) or not given.text.isprintable():
        raise ValueError("must have no white space or control characters inside")
    return Secret(given.text, file=given.file)


def secrets(given: Given) -> tuple[Secret, ...]:
    """One or several secrets, separated by commas or lines."""
    parts = [part.strip() for part in re.split(r"[,\n]", given.text)]
    return tuple(secret(Given(text=part, file=given.file)) for part in parts if part) or _none()


class FetchHosts(msgspec.Struct, frozen=True):
    """Host names from which photos may be fetched; `*.example.com` stands for every host below example.com."""

    patterns: tuple[str, ...]

    def allow(self, host: str) -> bool:
        """Whether a photo may be fetched from `host` (a name or an address, without a port)."""
        name = host.lower().rstrip(".")
        return any(name == p or (p.startswith("*.") and name.endswith(p[1:])) for p in self.patterns)


def fetch_hosts(given: Given) -> FetchHosts:
    """Host names separated by commas. Raises ValueError on anything else, a port or a scheme for example."""
    names = [name.strip().lower() for name in given.text.split(",")]
    if not all(re.fullmatch(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) for name in names):
        raise ValueError("must be host names separated by commas, without scheme or port")
    return FetchHosts(patterns=tuple(names))


NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def namespace(given: Given) -> str:
    """The name of a Kubernetes namespace (a DNS label, RFC 1123), or nothing. Raises ValueError on anything else."""
    if given.text and not NAMESPACE.fullmatch(given.text):
        raise ValueError("must be the name of a namespace: small letters, digits and hyphens")
    return given.text


def namespaces(given: Given) -> tuple[str, ...]:
    """Names of namespaces separated by commas, each once, or nothing. Raises ValueError on anything else."""
    names = [name.strip() for name in given.text.split(",") if name.strip()]
    if not all(NAMESPACE.fullmatch(name) for name in names):
        raise ValueError("must be names of namespaces separated by commas: small letters, digits and hyphens")
    return tuple(dict.fromkeys(names))


def json_object(given: Given) -> str:
    """JSON text of an object, or nothing. Raises ValueError on anything else."""
    if given.text:
        try:
            msgspec.json.decode(given.text, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeError):
            raise ValueError('must be a JSON object, like {"quietHours": {…}}') from None
    return given.text


def _none() -> NoReturn:
    raise ValueError("must hold at least one secret")
