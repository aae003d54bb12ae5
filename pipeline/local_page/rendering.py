"""HTML made on the server of what may be hostile.

Every value from the outside (titles, texts, URLs, paths) passes through Jinja's escaping and,
before it, `visible`, which shows characters that would change how the rest is read. Nobody's HTML
reaches the browser: documents hold text. Only http and https addresses become links.
"""

from urllib.parse import urlencode, urlsplit

import jinja2

_HIDDEN = dict.fromkeys(
    (
        *range(9),
        *range(11, 32),
        *range(127, 160),
        0x061C,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2060, 0x206A),
        0xFEFF,
        *range(0xE0000, 0xE0080),
    ),
    "�",
)
"""Control characters, those that turn the direction of the rest, and those that nobody sees; not
the joiners that Persian and emoji are written with."""


def visible(text: object) -> str:
    """The text with nothing in it that hides or reorders the rest."""
    return str(text).translate(_HIDDEN)


def web_link(url: str) -> str | None:
    """The URL if following it opens a web page and runs nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def href(path: str, **query: object) -> str:
    """An address of ours."""
    return f"{path}?{urlencode(query)}" if query else path


def make_environment(package: str, csrf: str) -> jinja2.Environment:
    """The templates of a room, with what all pages share."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package), jinja2.PackageLoader("pipeline.local_page")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=visible,
        count=lambda value: f"{value:,}",
        percent=lambda share: f"{share:.0%}",
    )
    environment.globals.update(href=href, csrf=csrf)
    return environment
