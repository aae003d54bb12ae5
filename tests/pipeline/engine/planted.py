"""Inputs of the whole chain, small enough to know every document by name.

Planted: near-duplicates of known similarity, two problems of a benchmark, an e-mail address and a
token, seeds of three topics.
"""

import json
import random
from pathlib import Path

from tests.golden.words import EMAIL, LENGTH, PROBLEMS, changed, words
from tests.pipeline.conftest import write_tar, write_warc

TOPICS = ("code", "math", "other")
TOKEN = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"


def html(title: str, content: list[str], *more: str) -> str:
    paragraphs = [" ".join(content[at : at + 22]) for at in range(0, len(content), 22)]
    body = "".join(f"<p>{text}.</p>" for text in (*paragraphs, *more))
    return f"<html><head><title>{title}</title></head><body><main>{body}</main></body></html>"


def source(name: str, *more: str, altered: tuple[int, ...] = ()) -> bytes:
    """A Python file of about a hundred distinct names, in short lines."""
    drawn = random.Random(name)
    names = ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(LENGTH)]
    names = changed(names, *altered)
    lines = [f"{' '.join(names[at : at + 6])}" for at in range(0, LENGTH, 6)]
    code = "".join(f'NOTE_{at} = "{line}"\n' for at, line in enumerate(lines))
    return (code + "".join(f"# {line}\n" for line in more)).encode()


def write_inputs(folder: Path) -> None:
    """Four repositories, two crawls, seeds of three roles, one benchmark."""
    plain = {owner: {f"m{n}.py": source(f"{owner}{n}") for n in range(4)} for owner in "abcd"}
    plain["a"]["original.py"] = source("twin")
    plain["b"]["near.py"] = source("twin", altered=(30, 60))
    plain["c"]["far.py"] = source("twin", altered=(30, 10, 45, 75, 95))
    plain["c"]["copy.py"] = plain["a"]["m0.py"]
    plain["d"]["solved.py"] = source("solved", PROBLEMS["T/0"][1])
    plain["d"]["contact.py"] = source("contact", f"write to {EMAIL}", f"token {TOKEN}")
    for owner, files in plain.items():
        write_tar(folder / f"{owner}__{owner}.tar.gz", f"{owner}-main", files, owner * 40)

    pages: list[dict[str, str]] = [{}, {}]
    for topic in TOPICS:
        for n in range(24):
            url = f"https://{topic}{n % 4}.example.org/{n}"
            pages[n % 2][url] = html(f"{topic} {n}", words(topic, f"page {n}"))
    pages[0]["https://code9.example.org/original"] = html("twin", words("code", "twin"))
    pages[1]["https://code8.example.org/near"] = html("twin", changed(words("code", "twin"), 50))
    pages[1]["https://math9.example.org/solved"] = html(
        "solved", words("math", "solved"), PROBLEMS["T/1"][1]
    )
    pages[0]["https://math8.example.org/contact"] = html(
        "contact", words("math", "contact"), f"Write to {EMAIL} for more."
    )
    pages[0]["https://other9.example.org/same"] = html("old", words("other", "same"))
    pages[1]["https://other9.example.org/same"] = html("new", changed(words("other", "same"), 50))
    for number, own in enumerate(pages):
        write_warc(folder / f"crawl-{number}.warc.gz", own, f"2024-05-1{number}T00:00:00Z")

    for topic in TOPICS:
        rows = (
            {
                "url": f"https://{topic}-seeds{n % 5}.example.com/{n}",
                "html": html(topic, words(topic, f"seed {n}")),
            }
            for n in range(30)
        )
        (folder / f"{topic}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "tiny.jsonl").write_text(
        "".join(
            json.dumps({"task_id": name, key: text}) + "\n"
            for name, (key, text) in PROBLEMS.items()
        )
    )
