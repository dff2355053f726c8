"""The page at `/`: what Rotavatar is, what it asks for and why, and the way in."""

from collections.abc import Mapping
from html import escape
from typing import Final

from starlette.responses import HTMLResponse

from ingress_api.html_page import Link, button, html_response, static_path
from rotavatar import scopes
from rotavatar.catalogue import Catalogue

FACES: Final = 18
"""Pictures in the heading: three rows of six on a wide screen."""

KEPT_SECONDS: Final = 300
"""How long caches may keep the page; it changes with a release or a catalogue."""

STEPS: Final = (
    ("Add it to Slack", "Allow Rotavatar to change your photo. Nobody else's: everyone connects for themselves."),
    ("Choose in the Home tab", "How often, from every hour to once a week, and which family of avatars."),
    ("Be somebody new", "Your photo changes by itself. Shuffle, pause, undo, or get your own photo back at any time."),
)

PRIVACY: Final = (
    (
        "Rotavatar keeps your choices, the key that Slack gave it, and your own photo, the last two encrypted. "
        "It reads no messages and no files."
    ),
    "Your own photo is kept before it is first replaced, and shown to nobody.",
    (
        "When you leave, the key is destroyed at once; everything else goes a few weeks later, or right then with "
        "“Leave and forget”."
    ),
)


def landing_page(catalogue: Catalogue, *, install: str) -> HTMLResponse:
    """The landing page; `install` is where *Add to Slack* leads."""
    add = button(Link("Add to Slack", install))
    body = f"""<header>
<p class="brand"><img src="{static_path("icon.svg")}" alt="" width="32" height="32">Rotavatar</p>
<div class="hero">
<div>
<h1>A fresh face, on your schedule</h1>
<p class="lead">Rotavatar changes your Slack profile photo as often as you like, from thousands of drawn avatars.
Your own photo is one click away, always.</p>
<p class="actions">{add}</p>
<p class="small">For you alone: colleagues join when they want to.</p>
</div>
<div class="faces" aria-hidden="true">{_faces(catalogue)}</div>
</div>
</header>
<main>
<section><h2>How it works</h2><ol class="steps">{"".join(_step(*step) for step in STEPS)}</ol></section>
<section><h2>{len(_open_packs(catalogue))} families to choose from</h2>
<ul class="packs">{_packs(catalogue)}</ul></section>
<section><h2>What it asks for, and why</h2>
<table><thead><tr><th scope="col">Permission</th><th scope="col">What it is for</th></tr></thead><tbody>
{_scopes("For the workspace", scopes.BOT)}
{_scopes("For you", scopes.USER)}
</tbody></table></section>
<section><h2>Privacy</h2><ul class="privacy">{"".join(f"<li>{escape(line)}</li>" for line in PRIVACY)}</ul></section>
<p class="actions">{add}</p>
</main>
<footer>{_credits(catalogue)}</footer>"""
    title = "Rotavatar: a fresh face in Slack, on your schedule"
    return html_response(title=title, body=body, kept_seconds=KEPT_SECONDS, layout="landing")


def _open_packs(catalogue: Catalogue) -> list[str]:
    """Packs to show: those that everybody may choose and of which something is drawn."""
    return [pack.key for pack in catalogue.packs.values() if not pack.lifelike and catalogue.drawn(pack.key)]


def _picture(catalogue: Catalogue, pack: str, index: int, *, side: int) -> str:
    picture = catalogue.picture(pack, index)
    if picture is None:
        return ""
    return f'<img src="/pictures/{picture.address}" alt="" width="{side}" height="{side}" loading="lazy">'


def _faces(catalogue: Catalogue) -> str:
    packs = _open_packs(catalogue)
    if not packs:
        return ""
    return "".join(_picture(catalogue, packs[n % len(packs)], 1 + n // len(packs), side=96) for n in range(FACES))


def _packs(catalogue: Catalogue) -> str:
    return "".join(
        f"<li>{_picture(catalogue, key, 0, side=64)}<span>{escape(catalogue.packs[key].title)}</span></li>"
        for key in _open_packs(catalogue)
    )


def _step(title: str, text: str) -> str:
    return f"<li><h3>{escape(title)}</h3><p>{escape(text)}</p></li>"


def _scopes(whose: str, asked: Mapping[str, str]) -> str:
    heading = f'<tr class="group"><th colspan="2" scope="colgroup">{escape(whose)}</th></tr>'
    rows = (f"<tr><td><code>{escape(name)}</code></td><td>{escape(why)}</td></tr>" for name, why in asked.items())
    return heading + "".join(rows)


def _credits(catalogue: Catalogue) -> str:
    """Who drew the art; the licences ask for it."""
    titles: dict[tuple[str, str, str], set[str]] = {}
    for key in _open_packs(catalogue):
        credit = catalogue.packs[key].credit
        titles.setdefault((credit.creator, credit.licence, credit.licence_url), set()).add(credit.title)
    return "".join(
        f"<p>Art: {escape(', '.join(sorted(named)))} by {escape(creator)},"
        f' <a href="{escape(address)}">{escape(licence)}</a>.</p>'
        for (creator, licence, address), named in sorted(titles.items())
    )
