"""Pages and pictures: what is served, under which headers, and that nothing else is."""

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from rotavatar import scopes
from tests import ingress as at
from tests.ingress import Ingress
from tests.patience import SECONDS
from tests.servers import Server

SECRET_FILE = "nobody may read this"


@dataclass
class House:
    ingress: Ingress
    folder: Path
    present: list[str]
    older: list[str]


@pytest.fixture(scope="module")
def house(_valkey_session: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("pictures") / "catalogue"
    present, older = at.draw(folder), at.draw(folder, at.OLD_CATALOGUE, current=False)
    (folder / "secret.png").write_text(SECRET_FILE)
    (folder.parent / "secret.png").write_text(SECRET_FILE)
    process = at.start_ingress(at.environment(redis_url=_valkey_session.url, catalogue=folder))
    with process:
        yield House(process, folder, present, older)
        assert process.stop() == 0
    assert "Traceback" not in "".join(process.output)


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.ingress.url, timeout=SECONDS) as client:
        yield client


def test_pictures_of_the_present_and_of_older_catalogues_are_served_for_ever(
    client: httpx.Client, house: House
) -> None:
    for address in house.present + house.older:
        answer = client.get(f"/pictures/{address}")
        assert answer.content == (house.folder / address).read_bytes()
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["etag"] == f'"{Path(address).stem}"'


@pytest.mark.parametrize("tag", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_a_picture_that_is_known_is_not_sent_again(client: httpx.Client, house: House, tag: str) -> None:
    address = house.present[0]
    answer = client.get(f"/pictures/{address}", headers={"If-None-Match": tag.format(Path(address).stem)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{Path(address).stem}"'


def test_another_etag_gets_the_picture(client: httpx.Client, house: House) -> None:
    assert client.get(f"/pictures/{house.present[0]}", headers={"If-None-Match": '"x"'}).status_code == 200


def test_head_says_the_length_and_sends_nothing(client: httpx.Client, house: House) -> None:
    address = house.present[0]
    answer = client.head(f"/pictures/{address}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == (house.folder / address).stat().st_size


def test_nothing_else_is_readable_there(house: House) -> None:
    picture = house.present[0]
    name = picture.rpartition("/")[2]
    paths = [
        "",
        "current",
        "secret.png",
        "../secret.png",
        "%2e%2e/secret.png",
        "..%2fsecret.png",
        f"{at.CATALOGUE}/catalogue.json",
        f"{at.CATALOGUE}/critters.pictures",
        f"{at.CATALOGUE}/critters",
        f"{at.CATALOGUE}/critters/",
        f"{at.CATALOGUE}/critters/{'0' * 64}.png",
        f"{at.CATALOGUE}/critters/../critters/{name}",
        f"{at.CATALOGUE}/critters/..%2fcritters%2f{name}",
        f"{at.CATALOGUE}/critters/{name}%00",
        f"{at.CATALOGUE}/critters/{name}%0a",
        f"{at.CATALOGUE}/critters/{name.upper()}",
        f"{at.CATALOGUE}//critters/{name}",
        f"//{picture}",
        f"{picture}/",
        picture.replace(".png", ".jpg"),
        picture.replace("critters", "shapes"),
        f"cccccc/critters/{name}",
        str(house.folder / "secret.png"),
        quote("\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/secret.png"),
    ]
    for path in paths:
        # http.client sends a path as it is; httpx would resolve the dots.
        connection = http.client.HTTPConnection("127.0.0.1", house.ingress.port, timeout=SECONDS)
        connection.request("GET", f"/pictures/{path}")
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status in (400, 404), path
        assert SECRET_FILE.encode() not in content
        assert answer.headers.get("cache-control") in (None, "no-store")


def test_pictures_are_only_looked_at(client: httpx.Client, house: House) -> None:
    answer = client.post(f"/pictures/{house.present[0]}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


PAGES = ("/", "/nope", "/slack/oauth_redirect", "/slack/install?team=nowhere!", "/slack/apps/A0NOBODY/install")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_harmless(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers
    assert not re.search(r"<script|<style|\son\w+=|\sstyle=|javascript:", answer.text)


def test_everything_that_a_page_refers_to_is_there(client: httpx.Client) -> None:
    page = client.get("/").text
    own = {found for found in re.findall(r'(?:src|href)="(/[^"]*)"', page) if not found.startswith("/slack")}
    assert any(found.startswith("/pictures/") for found in own)
    for address in own:
        answer = client.get(address)
        assert answer.status_code == 200, address
        if address.startswith("/static/"):
            assert "immutable" in answer.headers["cache-control"]


def test_the_landing_page_lists_every_scope_and_why(client: httpx.Client) -> None:
    page = client.get("/").text
    for name, why in {**scopes.BOT, **scopes.USER}.items():
        assert f"<code>{name}</code></td><td>{why}</td>" in page.replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nope", 404), ("/slack", 404), ("/slack/install?team=T1%0a", 400), ("/slack/apps/A0NOBODY/oauth_redirect", 404)],
)
def test_a_wrong_address_is_explained(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_pages_are_not_posted_to(client: httpx.Client) -> None:
    answer = client.post("/", content=b"x")
    assert (answer.status_code, "allow" in answer.headers) == (405, True)
    assert answer.text.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "Nothing was changed"),
        ("invalid_team_for_non_distributed_app", "Not for this workspace"),
        ("unapproved_scope", "Your organisation decides this"),
        ("invalid_scope", "This Rotavatar is not set up correctly"),
        ("<script>alert(1)</script>", "Nothing was changed"),
    ],
)
def test_what_slack_says_instead_of_a_code_is_explained(client: httpx.Client, error: str, words: str) -> None:
    answer = client.get("/slack/oauth_redirect", params={"error": error, "error_description": error, "state": ""})
    assert f"<h1>{words}</h1>" in answer.text
    assert error not in answer.text


def test_the_cookie_is_the_browsers_own_and_out_of_reach(client: httpx.Client) -> None:
    given = client.get("/slack/install").headers["set-cookie"]
    assert given.startswith("__Host-rotavatar=")
    assert {part.strip().lower() for part in given.split(";")[1:]} == {
        "httponly", "max-age=600", "path=/", "samesite=lax", "secure",
    }  # fmt: skip


def test_the_metrics_name_routes_and_reasons_and_no_stranger(client: httpx.Client, house: House) -> None:
    client.get("/pictures/who-asks-for-this")
    client.post("/slack/events", content=b"{}")
    page = httpx.get(f"{house.ingress.metrics_url}/metrics", timeout=SECONDS).text
    assert 'rotavatar_ingress_requests_total{outcome="refused",reason="signature",route="events"}' in page
    assert 'rotavatar_ingress_requests_total{outcome="refused",reason="address",route="pictures"}' in page
    assert "rotavatar_ingress_ack_seconds_bucket" in page
    assert "who-asks-for-this" not in page
