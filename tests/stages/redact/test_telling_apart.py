"""What has the form of an address or a key: real ones go, code that looks like one stays."""

import pyarrow as pa
import pytest

from stages.kernels.spans import replace_spans
from stages.redact.options import RedactOptions
from stages.redact.stage import RedactStage

STAGE = RedactStage(RedactOptions())
LINE = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn" + "ygWyF0qJDr6L1pkbZ2m9sQxTt4uVwXyZ7"
BEGIN, END = (f"-----{word} RSA PRIV" + "ATE KEY-----" for word in ("BEGIN", "END"))


def redacted(text: str) -> str:
    batch = pa.record_batch([pa.array([text], pa.large_string())], ["text"])
    return replace_spans(text.encode(), STAGE.process(batch)["spans"].to_pylist()[0]).decode()


@pytest.mark.parametrize(
    "text",
    [
        '<PackageReference Include="X" Version="4.120.33.7" />',
        "<Version>4.120.44.7</Version>",
        "foo>=10.50.60.70",
        "nokogiri (1.13.10.2)",
        "com.foo:bar:2.13.4.2",
        "* 2.10.14.1 - fixes",
        "Mozilla/5.0 Chrome/96.120.46.110",
        'ID = "1.3.6.1";',
        'oid="1.3.101.112"',
        "ES2015 12.2.4.1, § 6.5.2.2, section 13.120.44.2",
        "c0 .7.2 1.2.5 1.5.3.3 1 .5 1.9.5.7",
        "wget-1.20.33.44.tar.gz",
    ],
)
def test_dotted_numbers_that_are_no_address(text: str) -> None:
    """Versions, object identifiers, sections and path data stay."""
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        'host = "5.2.4.4"',
        "ping 5.9.10.11",
        "http://5.9.10.11/x",
        "5.9.10.11:8080",
        '5.9.10.11 - - [10/Oct/2000:13:55:36] "GET /"',
        "SERVER_IP=5.9.10.11",
        "route add 5.9.10.0/24",
        "upgrade from 93.184.216.34",
        "remote_addr: '5.9.1.2'",
    ],
)
def test_addresses_of_small_numbers(text: str) -> None:
    """What is used as an address is one, however small its numbers."""
    assert "<IP_ADDRESS>" in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "return@forEach.name",
        "outer@Outer.name.length",
        'fit@meta.data$cluster <- so@assays.data["x"]',
        "a@b.run()",
        "tree@Node.Leaf l r",
        '"button@common.link": {',
        's@Some.It + "$USER@$HOST.com"',
        "foo@bar.name_x",
    ],
)
def test_code_that_is_no_email(text: str) -> None:
    """Labels, slots, patterns and calls stay."""
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Jane <jane@doe.name>",
        "mailto:jane@my.page",
        'email = "me@corp.space"',
        "me@site.it, j.doe@Uni-Bonn.DE",
        "INFO@FOO.COM",
        "From: Q <q@Bolizm.ihep.su>",
    ],
)
def test_emails_with_labels_that_are_words(text: str) -> None:
    """What speaks of mail makes an address of a label that code has too."""
    assert "@" not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        f'if (line == "{BEGIN}") start = true;\nelse if (line == "{END}") stop = true;',
        f"const re = /{BEGIN}([\\s\\S]+?){END}/;",
        f'"{BEGIN}\\nyour-private-key-goes-here\\n{END}"',
        f"{BEGIN}\nMIIEpAIBAAKCAQEA...\n{END}",
        f"{BEGIN}\n<base64 encoded key>\n{END}",
        f"{BEGIN}\n{'x' * 64}\n{END}",
        f'PRIVATE_KEY="{BEGIN}\\n$KEY\\n{END}"',
        "ghp_" + "x" * 36,
        "glpat-" + "X" * 20,
        "sk-proj-" + "your-api-key-" * 4 + "x",
    ],
)
def test_markers_and_placeholders_are_no_keys(text: str) -> None:
    """Code that reads keys and documentation that shows their form stay."""
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'key = "{BEGIN}\\n{LINE}\\n{LINE}\\n{END}\\n"', 'key = "<KEY>\\n"'),
        (f'"{BEGIN}\\n" +\n "{LINE}\\n" +\n "{LINE}\\n" +\n "{END}"', '"<KEY>"'),
        (f"# {BEGIN}\n# {LINE}\n# 8A==\n# {END}\n", "# <KEY>\n"),
        (f"{BEGIN}\r\nProc-Type: 4,ENCRYPTED\r\n\r\n{LINE}\r\n", "<KEY>\r\n"),
        (f"['{BEGIN}',\n'{LINE}',\n'{END}']", "['<KEY>']"),
    ],
)
def test_private_keys_in_every_dress(text: str, expected: str) -> None:
    """A key is found in a string, a comment, a list, and cut off before its end."""
    assert redacted(text) == expected
