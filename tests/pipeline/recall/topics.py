"""Texts of three topics, and the command that judges them."""

import random

from typer.testing import CliRunner

from pipeline.cli.recall.command import recall

TOPICS = {
    "code": "def return class import print for range while lambda yield async await except",
    "math": "theorem proof lemma integral epsilon bounded matrix eigenvalue group ring",
    "other": "sea beach bread cheese wine song garden flower summer ticket hotel museum",
}
WORDS = {topic: words.split() for topic, words in TOPICS.items()}


def text(topic: str, name: str) -> str:
    return " ".join(random.Random(f"{topic} {name}").choices(WORDS[topic], k=80))


def sluice(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(recall, [*map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output
