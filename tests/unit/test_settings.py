"""A missing or wrong setting stops the start with a sentence that names it; a secret is in no sentence and no repr."""

import copy
import json
import pickle
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotavatar import configuration, settings
from rotavatar.configuration import Given, Secret
from rotavatar.errors import ConfigurationError

KEY = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
FULL = {
    "ROTAVATAR_REDIS_URL": "redis://:hush@127.0.0.1:6379/0",
    "ROTAVATAR_PUBLIC_URL": "https://rota.example.com/",
    "ROTAVATAR_SLACK_APP_ID": "A0123ABCD",
    "ROTAVATAR_SLACK_CLIENT_ID": "12.34",
    "ROTAVATAR_SLACK_CLIENT_SECRET": "client-hush",
    "ROTAVATAR_SLACK_SIGNING_SECRET": "old-hush,new-hush",
    "ROTAVATAR_VAULT_KEYS": KEY,
}


def problems(kind: type[msgspec.Struct], environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings.load(kind, environ)
    return str(caught.value).splitlines()


def test_a_process_gets_typed_values_and_defaults():
    loaded = settings.load(settings.IngressSettings, FULL | {"ROTAVATAR_PORT": "0", "PATH": "/bin"})
    assert loaded.web.port == 0
    assert loaded.process.metrics_port == 9090
    assert loaded.public.url == "https://rota.example.com"
    assert loaded.slack.base_url == "https://slack.com"
    assert [each.reveal() for each in loaded.signing.secrets] == ["old-hush", "new-hush"]
    assert loaded.redis.url.reveal() == FULL["ROTAVATAR_REDIS_URL"]


@pytest.mark.parametrize("kind", settings.PROCESSES.values())
def test_what_a_process_does_not_need_may_be_missing_and_wrong(kind):
    needed = {setting.variable for setting in configuration.declared(kind)}
    others = {setting.variable: "\0" for setting, _ in settings.every_setting().values()}
    settings.load(kind, {**others, **dict.fromkeys(needed, ""), **FULL})


def test_every_problem_is_told_at_once_and_names_its_setting():
    lines = problems(settings.IngressSettings, {"ROTAVATAR_PORT": "eighty", "ROTAVATAR_LOG_LEVEL": "loud"})
    for name in ("PORT", "LOG_LEVEL", *(name.removeprefix("ROTAVATAR_") for name in FULL)):
        assert [line for line in lines if line.startswith(f"ROTAVATAR_{name} ")], name
    assert len(lines) == 2 + len(FULL)


@pytest.mark.parametrize("name", sorted(FULL))
def test_each_needed_setting_is_missed(name):
    (line,) = problems(settings.IngressSettings, {key: value for key, value in FULL.items() if key != name})
    assert line.startswith(f"{name} is missing: set it, or name a file with {name}_FILE.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "8_0"),
        ("PORT", "\u0663"),
        ("PORT", "9" * 5000),
        ("METRICS_PORT", "1.5"),
        ("HOST", "a b"),
        ("LOG_FORMAT", "xml"),
        ("PUBLIC_URL", "rota.example.com"),
        ("PUBLIC_URL", "https://rota.example.com/app"),
        ("PUBLIC_URL", "https://user:pw@rota.example.com"),
        ("PUBLIC_URL", "https://rota.example.com:99999"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "ftp://rota.example.com"),
        ("SLACK_BASE_URL", "https://"),
        ("SLACK_APP_ID", "B0123"),
        ("SLACK_CLIENT_ID", "12 34"),
        ("SLACK_CLIENT_SECRET", "with space"),
        ("SLACK_SIGNING_SECRET", ",,"),
        ("VAULT_KEYS", "a:tooshort"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://host:port"),
        ("REDIS_URL", "unix://"),
        ("REDIS_URL", "rediss://[::1"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(name, value):
    (line,) = problems(settings.IngressSettings, FULL | {f"ROTAVATAR_{name}": value})
    assert line.startswith(f"ROTAVATAR_{name} must")
    assert len(line) < 400


def test_the_operator_gets_its_namespaces_and_makes_no_tenants_unless_told():
    plain = settings.load(settings.OperatorSettings, FULL)
    assert (plain.install.policy, plain.tenants) == (
        "open",
        settings.TenantSettings(watched=(), install_namespace="", install_tenant_policy="", checks_per_second=100),
    )
    told = {
        "ROTAVATAR_WATCH_NAMESPACES": "maps, shop,,maps",
        "ROTAVATAR_INSTALL_NAMESPACE": "rotavatar",
        "ROTAVATAR_INSTALL_POLICY": "Approve",
        "ROTAVATAR_INSTALL_TENANT_POLICY": '{"maxMembers": 5}',
        "ROTAVATAR_TOKEN_CHECKS_PER_SECOND": "20",
    }
    loaded = settings.load(settings.OperatorSettings, FULL | told)
    assert loaded.install.policy == "approve"
    assert loaded.tenants == settings.TenantSettings(
        watched=("maps", "shop"),
        install_namespace="rotavatar",
        install_tenant_policy='{"maxMembers": 5}',
        checks_per_second=20,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSTALL_POLICY", "closed"),
        ("INSTALL_NAMESPACE", "a,b"),
        ("INSTALL_NAMESPACE", "Maps"),
        ("WATCH_NAMESPACES", "maps,-x"),
        ("WATCH_NAMESPACES", "a" * 64),
        ("INSTALL_TENANT_POLICY", "[1]"),
        ("INSTALL_TENANT_POLICY", "{"),
    ],
)
def test_a_wrong_value_for_the_operator_is_one_line_that_names_it(name, value):
    (line,) = problems(settings.OperatorSettings, FULL | {f"ROTAVATAR_{name}": value})
    assert line.startswith(f"ROTAVATAR_{name} must be")


@pytest.mark.parametrize("value", ["https://host", "host:80", "*", "a,,b", "*.", "a..b/"])
def test_a_wrong_fetch_host_is_refused(value):
    (line,) = problems(settings.PhotoSettings, {"ROTAVATAR_PHOTO_FETCH_HOSTS": value})
    assert line.startswith("ROTAVATAR_PHOTO_FETCH_HOSTS must be host names")


def test_the_secret_settings_are_those_whose_values_hide_themselves():
    optional = {"ROTAVATAR_REDIS_PASSWORD": "redis-hush", "ROTAVATAR_REDIS_SENTINEL_PASSWORD": "sentinel-hush"}
    loaded = {name: settings.load(kind, FULL | optional) for name, kind in settings.PROCESSES.items()}
    shown = repr(loaded) + str(loaded)
    assert "hush" not in shown
    assert KEY not in shown
    secret = {setting.name for setting, _ in settings.every_setting().values() if setting.secret}
    asked = {"REDIS_URL", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET", "VAULT_KEYS"}
    assert secret == asked | {"REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD"}
    assert {name: settings.every_setting()[name][0].default for name in secret} == {
        name: None if name in asked else "" for name in secret
    }


@pytest.mark.parametrize("name", ["REDIS_URL", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET", "VAULT_KEYS"])
@given(noise=st.text(st.characters(categories=["L", "N"]), min_size=8, max_size=30))
def test_a_wrong_secret_is_not_repeated_in_the_sentence(name, noise):
    lines = problems(settings.IngressSettings, FULL | {f"ROTAVATAR_{name}": f"{noise} {noise}"})
    words = "".join(problems(settings.IngressSettings, FULL | {f"ROTAVATAR_{name}": "hush hush"}))
    assume(noise not in words)  # the sentence has words of its own, such as "password"
    assert all(noise not in line for line in lines)


def test_a_secret_shows_itself_to_reveal_only():
    hidden = Secret("hush")
    assert "hush" not in f"{hidden} {hidden!r} {[hidden]} %s" % hidden
    assert hidden.reveal() == "hush"
    assert hidden == Secret("hush", file=Path("/x")) != Secret("other")
    assert hidden != "hush"
    assert len({hidden, Secret("hush")}) == 1
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError):
            leak(hidden)


@pytest.mark.parametrize("content", [b"hush\n", b"  hush \r\n\n", b"\xef\xbb\xbfhush", b"hush"])
def test_a_mounted_file_gives_its_value_without_white_space_around_it(tmp_path, content):
    file = tmp_path / "secret"
    file.write_bytes(content)
    environ = {k: v for k, v in FULL.items() if k != "ROTAVATAR_SLACK_CLIENT_SECRET"}
    environ["ROTAVATAR_SLACK_CLIENT_SECRET_FILE"] = f" {file}\n"
    client_secret = settings.load(settings.RotatorSettings, environ).slack.client_secret
    assert client_secret.reveal() == "hush"
    assert client_secret.file == file


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b" \n", "is empty"), (b"\xff\xfe\x00", "not text"), (b"x" * 70_000, "more than")],
)
def test_an_unusable_mounted_file_is_named(tmp_path, content, says):
    file = tmp_path / "port"
    if content is not None:
        file.write_bytes(content)
    (line,) = problems(settings.WebSettings, {"ROTAVATAR_PORT_FILE": str(file)})
    assert line.startswith(f"ROTAVATAR_PORT_FILE names {file}")
    assert says in line


def test_a_huge_file_named_by_mistake_is_not_read_whole(tmp_path):
    file = tmp_path / "log"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    (line,) = problems(settings.WebSettings, {"ROTAVATAR_PORT_FILE": str(file)})
    assert "more than" in line


def test_a_folder_in_place_of_a_mounted_file_is_named(tmp_path):
    (line,) = problems(settings.WebSettings, {"ROTAVATAR_PORT_FILE": str(tmp_path)})
    assert "cannot be read" in line


def test_a_wrong_value_in_a_mounted_file_names_the_file_variable(tmp_path):
    file = tmp_path / "port"
    file.write_text("many")
    (line,) = problems(settings.WebSettings, {"ROTAVATAR_PORT_FILE": str(file)})
    assert line == "ROTAVATAR_PORT_FILE must be a whole number from 0 to 65535, not 'many'."


def test_a_value_and_a_file_for_the_same_setting_contradict(tmp_path):
    (line,) = problems(settings.WebSettings, {"ROTAVATAR_PORT": "80", "ROTAVATAR_PORT_FILE": str(tmp_path)})
    assert line == "ROTAVATAR_PORT and ROTAVATAR_PORT_FILE are both set: remove one of them."


def test_an_empty_variable_is_as_if_it_were_not_there():
    assert settings.load(settings.WebSettings, {"ROTAVATAR_PORT": " ", "ROTAVATAR_PORT_FILE": ""}).port == 8080
    (line,) = problems(settings.RedisSettings, {"ROTAVATAR_REDIS_URL": ""})
    assert line.startswith("ROTAVATAR_REDIS_URL is missing")


def test_a_misspelt_setting_is_refused_with_the_right_name():
    assert problems(settings.WebSettings, {"ROTAVATAR_REDIS_ULR": "x", "ROTAVATAR_FLUX": "x"}) == [
        "ROTAVATAR_FLUX is not a setting: remove it, or look in docs/settings.md for its right name.",
        "ROTAVATAR_REDIS_ULR is not a setting: did you mean ROTAVATAR_REDIS_URL?",
    ]


def test_what_kubernetes_adds_for_its_services_is_no_mistake_of_the_operator():
    links = {
        "ROTAVATAR_SERVICE_HOST": "10.0.0.1",
        "ROTAVATAR_SERVICE_PORT_HTTP": "80",
        "ROTAVATAR_INGRESS_PORT": "tcp://10.0.0.1:80",
        "ROTAVATAR_INGRESS_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert settings.load(settings.WebSettings, links).port == 8080
    (line,) = problems(settings.WebSettings, links | {"ROTAVATAR_PORT": "tcp://10.0.0.1:80"})
    assert "enableServiceLinks: false" in line


def test_fetch_hosts_match_whole_names_only():
    hosts = configuration.fetch_hosts(Given(text="Avatars.slack-edge.com, *.example.com"))
    allowed = [name for name in NAMES if hosts.allow(name)]
    assert allowed == ["avatars.slack-edge.com", "AVATARS.slack-edge.com.", "a.example.com", "a.b.example.com"]


NAMES = [
    "avatars.slack-edge.com",
    "AVATARS.slack-edge.com.",
    "a.example.com",
    "a.b.example.com",
    "example.com",
    "evilexample.com",
    "avatars.slack-edge.com.evil.com",
    "xavatars.slack-edge.com",
    "",
]


def test_the_page_of_settings_is_the_declaration():
    page = Path(__file__).parents[2] / "docs/settings.md"
    assert page.read_text() == settings.documentation(), "run `make docs`"


def test_every_setting_is_described():
    for setting, processes in settings.every_setting().values():
        assert setting.description.endswith(".")
        assert setting.unit
        assert processes
        if setting.default is not None:
            setting.read(Given(text=setting.default))


@pytest.mark.parametrize(
    ("name", "value"),
    [("REDIS_CA", "no certificate"), ("REDIS_PASSWORD", "two words"), ("REDIS_USERNAME", "two\nlines")],
)
def test_a_wrong_way_into_redis_is_one_line_that_names_it(name, value):
    (line,) = problems(settings.RedisSettings, {"ROTAVATAR_REDIS_URL": "redis://h", f"ROTAVATAR_{name}": value})
    assert line.startswith(f"ROTAVATAR_{name} must")


def test_what_is_given_beside_the_url_is_the_way_into_redis():
    given = {"URL": "redis://h", "USERNAME": "u", "PASSWORD": "p", "SENTINEL_USERNAME": "su", "SENTINEL_PASSWORD": "sp"}
    access = settings.load(settings.RedisSettings, {f"ROTAVATAR_REDIS_{k}": v for k, v in given.items()}).access
    assert access.password is not None and access.sentinel_password is not None
    assert (access.username, access.password.reveal()) == ("u", "p")
    assert (access.sentinel_username, access.sentinel_password.reveal()) == ("su", "sp")
    assert access.address.hosts == (("h", 6379),)
