"""Inputs of the whole chain, small enough to know every document by name.

Planted: near-duplicates of known similarity, two problems of a benchmark, an e-mail address and a
token, seeds of three topics.
"""

import json
import random
from pathlib import Path

from tests.pipeline.conftest import write_tar, write_warc

TOPICS = {
    "code": """def return class import print for in range while if else elif None True False self
        lambda yield async await try except finally raise with assert append split join open read
        write list dict tuple string int float index key value loop array stack queue parse token
        compile debug function method object module package argument parameter exception""",
    "math": """theorem proof lemma corollary let integral epsilon delta converges bounded matrix
        eigenvalue group ring field vector space basis kernel image continuous derivative limit
        series sequence polynomial root degree prime modulo divisor bijection topology compact open
        closed metric norm inner orthogonal unitary trace determinant manifold measure""",
    "other": """sea calm beach bread cheese wine song garden flower summer winter train ticket
        hotel museum market price shirt coat dress dinner lunch breakfast soup tomato onion garlic
        river lake mountain walk holiday family child school teacher doctor letter window kitchen
        table chair music guitar dance football match player season weather rain snow wind""",
}
WORDS = {topic: words.split() for topic, words in TOPICS.items()}
LENGTH = 110
"""Words of a page, names of a file. One other word in a page makes a similarity of 0.91; in a file,
whose lines have other tokens too, two names make one of 0.90 and five one of 0.76."""

PROBLEMS = {
    "T/0": ("prompt", "Count how many digits of the given number are even and return that count."),
    "T/1": ("question", "A farmer sells seventeen baskets of ripe apples and keeps nine of them."),
}
EMAIL = "jane.doe@mail.university.edu"
TOKEN = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"


def words(topic: str, name: str) -> list[str]:
    """The words of a page or file, drawn from its topic by its name."""
    return random.Random(f"{topic} {name}").choices(WORDS[topic], k=LENGTH)


def changed(original: list[str], *places: int) -> list[str]:
    """The words with one replaced at each place."""
    return [f"changed{at}" if at in places else word for at, word in enumerate(original)]


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
    for topic in WORDS:
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

    for topic in WORDS:
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
