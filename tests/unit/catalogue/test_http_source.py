"""Fetching pictures from the web without being led astray; the server is real, only name resolution is ours."""

import asyncio
import datetime as dt
import io
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from PIL import Image

from rotavatar.catalogue import Credit, Library, Reference
from rotavatar_catalogue import cli, sources
from rotavatar_catalogue.drawing import DrawingError
from rotavatar_catalogue.http_source import HttpSource, Limits, is_public, resolve
from rotavatar_catalogue.making import Order, alone, damages, make
from rotavatar_catalogue.recode import recode
from rotavatar_catalogue.sources import FetchOrder, SourceError, fetch_pack, recode_apart

HOST = "pictures.example"
CREDIT = Credit(
    title="Faces", creator="Somebody", source="https://pictures.example", licence="CC0 1.0", licence_url="x"
)
Handler = Callable[[bytes], bytes | Awaitable[bytes]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for HOST that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def image_of(number: int, *, size: tuple[int, int] = (600, 400), form: str = "PNG", **save: object) -> bytes:
    picture = Image.radial_gradient("L").resize(size).convert("RGB")
    picture.paste((number * 7 % 256, 90, 200), (0, 0, size[0] // 2, size[1] // 2))
    target = io.BytesIO()
    picture.save(target, form, **save)
    return target.getvalue()


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Site:
    """A web site on this machine, and the source that fetches from it."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.tls = ssl.create_default_context(cafile=str(certificate))
        self.asked: list[str] = []
        self.requests: list[bytes] = []

    async def resolve(self, name: str):
        self.asked.append(name)
        return [ip_address("127.0.0.1")]

    def source(self, *, template: str = f"https://{HOST}/face/{{index}}.png?a=b", **limits: object) -> HttpSource:
        here = msgspec.structs.replace(Limits(port=self.port, allowed=lambda _: True), **limits)
        return HttpSource(template, limits=here, resolver=self.resolve, tls=self.tls)


@pytest.fixture
def site(certificate: Path):
    @asynccontextmanager
    async def serve(handler: Handler) -> AsyncIterator[Site]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            here.requests.append(request)
            reply = handler(request)
            try:
                writer.write(reply if isinstance(reply, bytes) else await reply)
                await writer.drain()
            except OSError:
                pass
            writer.close()

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        here = Site(server.sockets[0].getsockname()[1], certificate)
        async with server:
            yield here

    return serve


async def test_it_asks_for_the_numbered_picture_by_name_at_the_resolved_address(site) -> None:
    async with site(lambda _: ok(b"picture")) as here:
        assert await here.source().picture(7) == b"picture"
    assert here.asked == [HOST]
    lines = here.requests[0].decode().split("\r\n")
    assert lines[0] == "GET /face/7.png?a=b HTTP/1.1"
    assert f"Host: {HOST}" in lines


async def test_a_chunked_answer_is_put_together(site) -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npict\r\n3\r\nure\r\n0\r\n\r\n"
    async with site(lambda _: reply) as here:
        assert await here.source().picture(0) == b"picture"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "redirects"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "answered 101"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n\r\nno length", "closed the connection"),
        (b"", "closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (ok(b"x" * 1001), "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1001, "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(9_000)), "more than"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60_000, "more than"),
    ],
)
async def test_an_answer_that_is_no_picture_is_refused_in_one_sentence(site, reply: bytes, said: str) -> None:
    async with site(lambda _: reply) as here:
        with pytest.raises(SourceError, match=said) as raised:
            await here.source(size=1000).picture(0)
    assert "\n" not in str(raised.value)


async def test_a_server_that_says_nothing_or_drips_is_left_in_time(site) -> None:
    async def silence() -> bytes:
        await asyncio.sleep(5)
        return b""

    async with site(lambda _: silence()) as here:
        started = asyncio.get_running_loop().time()
        with pytest.raises(SourceError, match=r"took more than 0\.2 s"):
            await here.source(seconds=0.2).picture(0)
        assert asyncio.get_running_loop().time() - started < 2


async def test_a_name_with_one_private_answer_among_public_ones_is_refused(site) -> None:
    async def both(_name: str):
        return [ip_address("93.184.215.14"), ip_address("127.0.0.1")]

    async with site(lambda _: ok(b"secret")) as here:
        source = HttpSource(f"https://{HOST}/", limits=Limits(port=here.port), resolver=both, tls=here.tls)
        with pytest.raises(SourceError, match="does not lead to the open internet"):
            await source.picture(0)
    assert here.requests == []


async def test_a_name_without_answer_is_refused(site) -> None:
    async def nothing(_name: str):
        return []

    with pytest.raises(SourceError, match="does not lead"):
        await HttpSource(f"https://{HOST}/", resolver=nothing).picture(0)


async def test_the_name_is_asked_once_for_each_picture_so_that_it_cannot_change_in_between(site) -> None:
    async with site(lambda _: ok(b"p")) as here:
        source = here.source()
        await source.picture(0)
        await source.picture(1)
    assert here.asked == [HOST, HOST]


async def test_a_certificate_of_another_name_is_refused(site) -> None:
    async with site(lambda _: ok(b"p")) as here:
        with pytest.raises(SourceError, match="cannot be reached: SSLCertVerificationError"):
            await here.source(template="https://other.example/").picture(0)
    assert here.requests == []


async def test_nothing_listening_is_said(site, unused_tcp_port: int) -> None:
    async with site(lambda _: ok(b"p")) as here:
        with pytest.raises(SourceError, match="cannot be reached: ConnectionRefusedError"):
            await here.source(port=unused_tcp_port).picture(0)


async def test_names_are_resolved_to_addresses() -> None:
    assert ip_address("127.0.0.1") in await resolve("localhost")
    assert not all(map(is_public, await resolve("localhost")))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"),
        *("100.64.0.1", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1"),
        *("ff02::1", "ff0e::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::"),
        *("2001:0:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:db8::1", "233.252.0.1"),
    ],
)
def test_addresses_that_are_not_on_the_open_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:1.1.1.1"])
def test_addresses_on_the_open_internet(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "template",
    [
        *(
            "http://example.org/",
            "https://example.org:8443/",
            "https://user:word@example.org/",
            "https:///x",
            "file:///x",
        ),
        *("https://example.org:99999/", "https://[::1/", "https://example.org/a b", "https://example.org/\r\nX: y", ""),
        *("https://ex\u00e4mple.org/", "ftp://example.org/", "https://example.org:port/"),
    ],
)
def test_only_plain_https_addresses_are_sources(template: str) -> None:
    with pytest.raises(SourceError, match="https address on port 443"):
        HttpSource(template)


def test_an_image_is_written_anew_without_what_it_carried() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    exif[0x0112] = 6  # turned by a quarter
    made = recode(image_of(1, form="JPEG", exif=exif) + b"<script>")
    assert b"secret" not in made
    assert b"script" not in made
    with Image.open(io.BytesIO(made)) as picture:
        assert (picture.format, picture.size, dict(picture.getexif())) == ("JPEG", (512, 512), {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        image_of(1)[:300],
        image_of(1, form="GIF"),
        image_of(1, size=(100, 100)),
        image_of(1, form="BMP"),
    ],
    ids=["empty", "svg", "cut off", "gif", "small", "bmp"],
)
def test_what_is_no_usable_image_is_refused_in_its_own_process(content: bytes) -> None:
    with pytest.raises(SourceError, match="no PNG, JPEG or WebP"):
        recode_apart(content)


def test_a_decompression_bomb_stays_in_its_process() -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 200_000
    with pytest.raises(SourceError, match="usable size"):
        recode_apart(bomb.getvalue())


def test_a_single_colour_is_no_picture() -> None:
    flat = io.BytesIO()
    Image.new("RGB", (600, 600), "#abcdef").save(flat, "PNG")
    with pytest.raises(ValueError, match="single colour"):
        recode(flat.getvalue())


def test_the_recoding_process_cannot_write_files(tmp_path: Path) -> None:
    probe = (
        "import pathlib, rotavatar_catalogue.recode as r\n"
        "assert r.main() == 1\n"
        f"pathlib.Path({str(tmp_path / 'x')!r}).write_bytes(b'content')\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], input=b"", capture_output=True, check=False)
    assert b"File too large" in done.stderr
    assert (tmp_path / "x").read_bytes() == b""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """The folder of a small drawn catalogue."""
    return make(Order(folder=tmp_path, packs=("stones",), count=1)).folder


def order(folder: Path, **changes: object) -> FetchOrder:
    usual = FetchOrder(folder=folder, key="faces", title="Faces", credit=CREDIT, count=2)
    return msgspec.structs.replace(usual, **changes)


class Counting:
    """A source that repeats its first picture once."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def picture(self, index: int) -> bytes:
        self.asked.append(index)
        return image_of(max(1, index))


async def test_a_source_becomes_a_pack_like_any_other(catalogue: Path) -> None:
    source = Counting()
    made = await fetch_pack(order(catalogue, count=3), source)
    assert source.asked == [0, 1, 2, 3]
    assert made.drawn("faces") == 3
    library = Library(catalogue.parent)
    picture = library.picture(Reference(catalogue=library.current.id, pack="faces", index=2))
    assert picture is not None
    assert library.current.path(picture).read_bytes().startswith(b"\xff\xd8\xff")
    assert library.current.packs["faces"].lifelike
    assert library.current.default_pack.key == "stones"
    assert not list(damages(library.current))


async def test_a_fetched_pack_grows_and_survives_more_drawing(catalogue: Path) -> None:
    first = await fetch_pack(order(catalogue, count=1), Counting())
    grown = await fetch_pack(order(catalogue, count=2), Counting())
    assert grown.picture("faces", 0) == first.picture("faces", 0)
    drawn = make(Order(folder=catalogue.parent, packs=("robots", "stones"), count=1))
    assert list(drawn.packs) == ["robots", "stones", "faces"]
    assert drawn.picture("faces", 1) == grown.picture("faces", 1)
    other = await fetch_pack(order(catalogue, key="dogs", count=1), Counting(), recode=lambda _: b"other")
    assert other.packs["dogs"].ordinal == other.packs["faces"].ordinal + 1


async def test_a_source_that_only_repeats_itself_is_given_up(catalogue: Path) -> None:
    class Same:
        async def picture(self, index: int) -> bytes:
            return image_of(1)

    with pytest.raises(SourceError, match="1 different pictures, not 2"):
        await fetch_pack(order(catalogue), Same(), recode=lambda content: content)


@pytest.mark.parametrize(
    "changes", [{"key": "stones"}, {"key": "../x"}, {"key": "Faces"}, {"count": 0}, {"count": 1025}]
)
async def test_an_impossible_pack_is_refused(catalogue: Path, changes: dict[str, object]) -> None:
    with pytest.raises(SourceError):
        await fetch_pack(order(catalogue, **changes), Counting())


async def test_fetching_waits_for_nobody(catalogue: Path) -> None:
    with alone(catalogue.parent), pytest.raises(DrawingError, match="another process"):
        await fetch_pack(order(catalogue), Counting())


def test_the_command_refuses_an_unsafe_address(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fetch", "--to", str(catalogue.parent), "--pack", "faces", "--title", "Faces", "--creator", "x"]
    command += ["--licence", "CC0", "--licence-url", "x", "--count", "1", "--from"]
    assert cli.main([*command, "http://localhost/"]) == 1
    assert "https address on port 443" in capsys.readouterr().err
    assert cli.main([*command, "https://localhost/"]) == 1
    assert "does not lead to the open internet" in capsys.readouterr().err


async def test_the_command_fetches_a_whole_pack(
    site, catalogue: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["fetch", "--to", str(catalogue.parent), "--pack", "faces", "--title", "Faces", "--creator", "x"]
    command += ["--licence", "CC0", "--licence-url", "x", "--count", "2", "--from", f"https://{HOST}/{{index}}"]
    async with site(lambda request: ok(image_of(int(request.split(b" ")[1][1:]) + 1))) as here:
        monkeypatch.setattr(cli, "HttpSource", lambda template: here.source(template=template))
        for _ in range(2):
            assert await asyncio.to_thread(unsignalled, command) == 0
    assert "pack faces has 2 pictures" in capsys.readouterr().out
    assert len(here.requests) == 2
    assert Library(catalogue.parent).current.packs["faces"].credit.licence == "CC0"


def unsignalled(command: list[str]) -> int:
    """The command without its signal handler, which only a main thread may set."""
    arguments = cli.parser().parse_args(command)
    code: int = arguments.run(arguments)
    return code


def test_decoding_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "RECODE_SECONDS", 0.01)
    with pytest.raises(SourceError, match="took more than"):
        recode_apart(image_of(1))


def always(content: bytes) -> Callable[[bytes], bytes]:
    def give(_: bytes) -> bytes:
        return content

    return give


async def test_there_is_room_for_sixteen_fetched_packs(catalogue: Path) -> None:
    for number in range(16):
        await fetch_pack(order(catalogue, key=f"pack{number}", count=1), Counting(), recode=always(b"%d" % number))
    with pytest.raises(SourceError, match="16 fetched packs already"):
        await fetch_pack(order(catalogue, key="onemore", count=1), Counting())
