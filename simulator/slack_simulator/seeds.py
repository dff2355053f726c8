"""The two workspaces that a newcomer meets."""

import io

from PIL import Image, ImageDraw

from slack_simulator import people
from slack_simulator.photos import COLOURS
from slack_simulator.slack import Slack

Person = tuple[str, str, str, str, bool]
Team = tuple[str, str, tuple[Person, ...]]

TEAMS: tuple[Team, ...] = (
    (
        "Lighthouse Bakery",
        "lighthouse-bakery",
        (
            ("amara", "Amara Okafor", "Head baker", "Europe/London", True),
            ("jonas", "Jonas Lindqvist", "Logistics", "Europe/Stockholm", False),
            ("mei", "Mei Tanaka", "Pastry", "Asia/Tokyo", False),
            ("rafael", "Rafael Costa", "Shop", "America/Sao_Paulo", True),
        ),
    ),
    (
        "Northwind Cartography",
        "northwind-maps",
        (
            ("ines", "Inés Herrera", "Cartographer", "Europe/Madrid", False),
            ("tom", "Tom Whitfield", "Surveyor", "America/New_York", True),
            ("priya", "Priya Raman", "Data", "Asia/Kolkata", False),
            ("lars", "Lars Holm", "Print shop", "Europe/Copenhagen", False),
            ("nia", "Nia Mwangi", "Design", "Africa/Nairobi", True),
        ),
    ),
)

GRID: tuple[Team, ...] = (
    (
        "Harbour Freight",
        "harbour-freight",
        (
            ("sofia", "Sofia Novak", "Dispatch", "Europe/Prague", False),
            ("daniel", "Daniel Osei", "Cranes", "Africa/Accra", True),
        ),
    ),
    ("Harbour Pilots", "harbour-pilots", (("freja", "Freja Dahl", "Pilot", "Europe/Oslo", False),)),
)


def plant(slack: Slack, *, grid: bool = False) -> None:
    """Make both workspaces with their people; some have a photo of their own. With `grid`, an organisation as well."""
    _plant(slack, TEAMS)
    if grid:
        enterprise = people.found_enterprise(slack, name="Harbour Group", teams=[])
        _plant(slack, GRID, enterprise=enterprise)


def _plant(slack: Slack, teams: tuple[Team, ...], *, enterprise: str | None = None) -> None:
    for name, domain, crowd in teams:
        team = people.found_team(slack, name=name, domain=domain, enterprise=enterprise)
        for handle, real_name, title, tz, own_photo in crowd:
            member = people.join(slack, team=team.id, name=handle, real_name=real_name, title=title, tz=tz)
            if own_photo:
                people.set_photo(slack, team=team.id, member=member, content=portrait(slack))


def portrait(slack: Slack, side: int = 512) -> bytes:
    """A photo as somebody might upload it: a landscape drawn by chance, as JPEG."""
    rng = slack.ids.rng
    sky, hill, ground = rng.sample(COLOURS, 3)
    image = Image.new("RGB", (side, side), sky)
    draw = ImageDraw.Draw(image)
    sun_x, sun_y, sun = rng.randrange(side), rng.randrange(side // 3), side // rng.randrange(6, 12)
    draw.ellipse((sun_x - sun, sun_y - sun, sun_x + sun, sun_y + sun), fill="#fff1c9")
    for colour, height in ((hill, 0.45), (ground, 0.7)):
        points = [(x * side // 6, int(side * (height + rng.uniform(-0.12, 0.12)))) for x in range(7)]
        draw.polygon([(0, side), *points, (side, side)], fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
