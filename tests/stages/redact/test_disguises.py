"""Addresses in other dresses than `jane@paperboat.dev` and `203.45.88.17`."""

import pytest

from tests.stages.redact.test_stage import redacted


@pytest.mark.parametrize(
    "sign",
    ["@", "%40", r"\u0040", r"\x40", "&#64;", "&#x40;", "&commat;", "[at]", " (AT) ", "_at_"],
)
def test_ways_to_write_at(sign: str) -> None:
    """The address is redacted with its sign; an invented one and half of one are not."""
    assert redacted(f"by <jane.roe{sign}uni-bonn.de>.") == "by <<EMAIL>>."
    for text in (f"<jane{sign}docs.example.org>", f"<{sign}uni-bonn.de>", f"<jane{sign}>"):
        assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(jane at uni-bonn dot de)", "(<EMAIL>)"),
        ("<j dot roe AT cs DOT uni-bonn DOT de>", "<<EMAIL>>"),
        ("jane [at] uni-bonn [dot] de", "<EMAIL>"),
        ("be at noon dot the i", "be at noon dot the i"),
        ("look at the dot in it", "look at the dot in it"),
        ("snapped at grid dot is full", "snapped at grid dot is full"),
        ("meet at uni-bonn.de", "meet at uni-bonn.de"),
    ],
)
def test_signs_in_words(text: str, expected: str) -> None:
    """A bare `at` needs a `dot`, and what may be a sentence stays one."""
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("søren@fjordkode.dk", "<EMAIL>"),
        ("<иван.петров@почта.рф>", "<<EMAIL>>"),
        ("max@müller.de, x", "<EMAIL>, x"),
        ("邮箱foo@bar.cn。谢谢x.y", "邮箱<EMAIL>。谢谢x.y"),
        ("联系foo@bar.cn谢谢", "联系<EMAIL>谢谢"),
        ("⟨foo@bar.org⟩", "⟨<EMAIL>⟩"),
        ("é@é", "é@é"),
        ("foo@uct.ac.za", "<EMAIL>"),
    ],
)
def test_letters_of_all_scripts(text: str, expected: str) -> None:
    """They belong to an address; Chinese around one does not, and neither do marks."""
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"to:\njane@uni-bonn.de\n"', r'"to:\n<EMAIL>\n"'),
        (r'"\u003cjane@uni-bonn.de\u003e"', r'"\u003c<EMAIL>\u003e"'),
        (r'"j\u00fcrgen@uni-bonn.de"', '"<EMAIL>"'),
        (r"CORP\\nick@uni-bonn.de", r"CORP\\<EMAIL>"),
    ],
)
def test_escapes_before_an_address(text: str, expected: str) -> None:
    """A line end of a string literal stays whole; a letter's escape is part of the address."""
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IPAddress dns(51, 15, 214, 88);", "IPAddress dns(<IP_ADDRESS>);"),
        ("Ipv4Addr::new(51,15,214,88)", "Ipv4Addr::new(<IP_ADDRESS>)"),
        ("new IPAddress(new byte[] { 51, 15, 214, 88 })", None),
        ("IPAddress local(192, 168, 1, 7);", "IPAddress local(192, 168, 1, 7);"),
        ("net.IPv4(203, 0, 113, 9)", "net.IPv4(203, 0, 113, 9)"),
        ("rgba(51, 15, 214, 88)", "rgba(51, 15, 214, 88)"),
        ("IPAddress(51, 15, 214, 888)", "IPAddress(51, 15, 214, 888)"),
        ("IPAddress(51, 15, 214, 88, 7)", "IPAddress(51, 15, 214, 88, 7)"),
    ],
)
def test_octets_as_arguments(text: str, expected: str | None) -> None:
    """Of a public host, where a name says that it is an address."""
    wanted = text.replace("51, 15, 214, 88", "<IP_ADDRESS>") if expected is None else expected
    assert redacted(text) == wanted
