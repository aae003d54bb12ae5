"""A small crawl about three topics, with seeds: what the recall stage runs over in its tests."""

import numpy as np
import pyarrow as pa

from schemas.identity import doc_id
from stages.contract import ALIVE

TOPICS = {
    "code": "def return class import print for in range if else None True self lambda yield",
    "math": "theorem proof lemma let integral epsilon converges bounded matrix eigenvalue group",
    "other": "the sea was calm and we walked along the beach with bread cheese wine and songs",
}
WORDS = {topic: words.split() for topic, words in TOPICS.items()}
OPTIONS = {
    "targets": {"math": {"seeds": ["in/math*.jsonl"]}, "code": {"seeds": ["in/code.jsonl"]}},
    "negatives": ["in/other.jsonl"],
    "max_buckets": 4096,
}


def page(topic, number):
    """A page about a topic, as a row of a documents table."""
    random = np.random.default_rng([number, len(topic), ord(topic[0])])
    text = " ".join(random.choice(WORDS[topic], 80))
    return {
        "doc_id": doc_id(f"{topic}:{number}"),
        "text": text,
        "n_bytes": len(text),
        "domain": f"{topic}{number % 3}.org",
        "url": f"https://{topic}{number % 3}.org/{number % 2}/{number}.html",
        "n_code_blocks": int(topic == "code"),
        "n_code_bytes": 0,
        "n_code_spans": 0,
        "n_expressions": 0,
        "warc": f"{topic}.jsonl",
        ALIVE: True,
        "topic": topic,
    }


def table(rows):
    """Rows as a shard."""
    return pa.Table.from_pylist(rows).set_column(
        1, "text", pa.array([row["text"] for row in rows], pa.large_string())
    )


def crawl(memory_corpus):
    """Twenty pages of each topic."""
    rows = [page(topic, number) for number in range(100, 120) for topic in WORDS]
    rows[5][ALIVE] = False
    seeds = [page(topic, number) for number in range(20) for topic in WORDS]
    seeds = memory_corpus("seeds", [table(seeds)])
    return memory_corpus("web", [table(rows[:20]), table(rows[20:])], {"seeds": seeds})


def decided(corpus):
    """The decisions of all shards, with the pages' topics."""
    topics = [topic for shard in corpus.shards for topic in shard["topic"].to_pylist()]
    rows = [row for shard in corpus.decided for row in shard.to_pylist()]
    return list(zip(topics, rows, strict=True))
