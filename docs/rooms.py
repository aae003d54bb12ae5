"""Draws the rooms of the code and who imports whom, as a Mermaid picture in architecture.md.

`python docs/rooms.py docs/architecture.md` rewrites what stands between the markers; a test holds
the picture against the imports. An arrow that follows from two others is left out (transitive
reduction), so that every arrow shows something.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("pipeline", "stages", "schemas")
BEGIN, END = "<!-- rooms -->", "<!-- /rooms -->"

Arrows = dict[str, set[str]]
"""Room → the rooms it imports."""


def room_of(module: str) -> str | None:
    """The room a dotted module name lies in: a folder of a floor, or a file at a floor's root."""
    floor, *inner = module.split(".")
    if floor not in FLOORS:
        return None
    return f"{floor}/{inner[0]}" if inner and floor != "schemas" else floor


def arrows() -> Arrows:
    """Who imports whom, from every import statement of the three floors."""
    found: Arrows = {}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            mine = room_of(module.removesuffix(".__init__").removesuffix(".__main__"))
            if mine is None or mine in ("pipeline", "stages"):
                continue
            theirs = found.setdefault(mine, set())
            theirs |= {room for name in imported(path) if (room := room_of(name))} - {mine}
    return found


def imported(path: Path) -> Iterator[str]:
    """The modules a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def reach(graph: Arrows, room: str) -> set[str]:
    """Every room below this one; itself, too, if it lies on a circle."""
    below: set[str] = set()
    ahead = [room]
    while ahead:
        new = graph.get(ahead.pop(), set()) - below
        below |= new
        ahead += new
    return below


def reduced(graph: Arrows) -> Arrows:
    """The arrows that do not follow from others."""
    return {
        room: {
            other
            for other in below
            if not any(other in reach(graph, between) for between in below - {other})
        }
        for room, below in graph.items()
    }


def picture() -> str:
    """The Mermaid source."""
    graph = arrows()
    lines = ["```mermaid", "flowchart TD"]
    for floor in FLOORS[:2]:
        lines.append(f"  subgraph {floor}")
        inside = sorted(room for room in graph if room.startswith(f"{floor}/"))
        lines += [f'    {_identifier(room)}["{room.partition("/")[2]}"]' for room in inside]
        lines.append("  end")
    lines.append("  schemas")
    for room, below in sorted(reduced(graph).items()):
        lines += [f"  {_identifier(room)} --> {_identifier(other)}" for other in sorted(below)]
    return "\n".join([*lines, "```"])


def with_picture(document: str) -> str:
    """The document with the present picture between its markers."""
    before, found, rest = document.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{before}{BEGIN}\n{picture()}\n{END}{after}"


def _identifier(room: str) -> str:
    return room.replace("/", "_")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_picture(page.read_text(encoding="utf-8")), encoding="utf-8")
