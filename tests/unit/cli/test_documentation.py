from pathlib import Path

from rotavatar_cli.documentation import page

ROOT = Path(__file__).parents[3]


def test_the_page_of_the_command_is_up_to_date() -> None:
    """`make docs` writes it anew."""
    assert (ROOT / "docs" / "cli.md").read_text() == page()


def test_every_command_says_what_it_does() -> None:
    sections = page().split("\n## ")[1:]
    assert len(sections) >= 20
    for section in sections:
        text = section.split("```text\n")[1]
        usage, _, rest = text.partition("\n\n")
        assert usage.startswith("Usage: rotavatar ")
        assert rest.strip().partition("\n")[0].endswith((".", ",")) or len(rest.strip().partition("\n")[0]) > 60
