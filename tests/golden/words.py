"""What the planted texts are made of: the words of topics, drawn by name, and real problems.

Drawn with `random.Random(name)`, so a text is the same wherever it is written.
"""

import random

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
    "prose": """the parser reads every record from its buffer and returns the next value that
        matches a given pattern when nothing matches it raises an error which names the line and
        what was expected callers keep the result for as long as they need because no later call
        changes it""",
    "chinese": """我们 今天 学习 编程 语言 数据 结构 算法 问题 方法 函数 变量 如果 那么
        因为 所以 可以 需要 使用 程序 代码 文件 结果 时间""",
    "german": """der die das und nicht ein eine wir haben gestern einen langen Spaziergang über
        die Brücke gemacht weil das Wetter schön war und jeder früher nach Hause gehen wollte""",
}
WORDS = {topic: text.split() for topic, text in TOPICS.items()}
LENGTH = 110
"""Words of a page, names of a file. One other word in a page makes a similarity of 0.91; in a file,
whose lines have other tokens too, two names make one of 0.90 and five one of 0.76."""

PROBLEMS = {
    "T/0": ("prompt", "Count how many digits of the given number are even and return that count."),
    "T/1": ("question", "A farmer sells seventeen baskets of ripe apples and keeps nine of them."),
}
EMAIL = "jane.doe@mail.university.edu"
ADDRESS = "8.8.4.4"
KEYS = ("ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX", "AKIA" + "IOSFODNN7EXAMPLE")


def words(topic: str, name: str, length: int = LENGTH) -> list[str]:
    """The words of a text, drawn from its topic by its name."""
    return random.Random(f"{topic} {name}").choices(WORDS[topic], k=length)


def changed(original: list[str], *places: int) -> list[str]:
    """The words with one replaced at each place."""
    return [f"changed{at}" if at in places else word for at, word in enumerate(original)]


def lines(content: list[str], length: int = 12) -> list[str]:
    """The words in lines of so many."""
    return [" ".join(content[at : at + length]) for at in range(0, len(content), length)]
