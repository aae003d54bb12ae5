"""Elements of SVG as text that is safe to put into a page.

Attribute names are Python's (`class_`, `text_anchor`). Widths and places along x are percentages
wherever a picture should fill its column without its letters growing with it.
"""

from markupsafe import Markup, escape

from pipeline.local_page.rendering import visible


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element; what is no Markup is made visible and escaped, attributes that are None are left
    out."""
    written = "".join(
        [
            f' {key.strip("_").replace("_", "-") if key != "viewBox" else key}="{_safe(value)}"'
            for key, value in attributes.items()
            if value is not None
        ]
    )
    inner = "".join(map(_safe, children))
    return Markup(f"<{name}{written}>{inner}</{name}>")


def _safe(value: object) -> str:
    if isinstance(value, Markup | int | float):
        return str(value)
    return str(escape(visible(value)))


def title(text: str) -> Markup:
    """What a pointer that rests on the element is told."""
    return tag("title", text)


def percent(share: float) -> str:
    """A place or a width along x."""
    return f"{round(100 * share, 3):g}%"


def picture(label: str, *children: object, **attributes: object) -> Markup:
    """A whole picture, with what it shows for readers who do not see it."""
    return tag("svg", *children, role="img", aria_label=label, **attributes)
