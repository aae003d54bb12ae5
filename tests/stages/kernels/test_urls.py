"""Canonical URLs and keys of pages."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.urls import normalize_url, registrable_domain, url_host, url_key

CRAWL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "web" / "crawl"

urls = st.builds(
    "{}://{}{}/{}{}{}".format,
    st.sampled_from(["http", "HTTPS", "ftp"]),
    st.sampled_from(
        [
            "Example.ORG",
            "www.example.co.uk",
            "münchen.de",
            "☃.De",
            "a%2Fb",
            "[::1]",
            "1.2.3.4",
            "u@h.de",
        ]
    ),
    st.sampled_from(["", ":80", ":443", ":8080", ":"]),
    st.text("ab./%2Ff;~é =", max_size=20),
    st.one_of(st.just(""), st.text("?&=ab%20utm_s;id9", max_size=20).map("?{}".format)),
    st.sampled_from(["", "#", "#part", "#!/x"]),
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a/./b/../c/", "https://example.org/a/c/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("http://example.org/a#b", "http://example.org/a"),
        ("http://example.org/%7euser/%2f%c3%a9", "http://example.org/~user/%2F%C3%A9"),
        ("http://example.org/é x", "http://example.org/%C3%A9%20x"),
        ("http://example.org/100%", "http://example.org/100%25"),
        ("http://münchen.de/", "http://xn--mnchen-3ya.de/"),
        ("http://e.org/?b=2&a=1&utm_source=x&fbclid=y", "http://e.org/?a=1&b=2"),
        ("http://e.org/a;jsessionid=1F?PHPSESSID=2", "http://e.org/a"),
        (
            "http://e.org/?sid=0b7d567d7861896374&sess_id=1",
            "http://e.org/?sess_id=1&sid=0b7d567d7861896374",
        ),
        (
            "http://e.org/?session=a-talk&scm=git&share=2",
            "http://e.org/?scm=git&session=a-talk&share=2",
        ),
        ("http://e.org/?pk_id=3&itm_id=4&pk_campaign=x", "http://e.org/?itm_id=4&pk_id=3"),
        ("http://☃.e.org:8080/a?b", "http://xn--n3h.e.org:8080/a?b"),
        ("https://u:p@I❤️.WS:443/", "https://u:p@xn--i-7iq.ws/"),
        ("http://a_ü.e.org/", "http://xn--a_-yka.e.org/"),
        ("http://ｅ．ｏｒｇ:81/", "http://e.org:81/"),
        ("http://日本語。jp./", "http://xn--wgv71a119e.jp/"),
        ("http://m%C3%BCnchen.de/", "http://xn--mnchen-3ya.de/"),
        ("http://a%20b.de/", "http://a%20b.de/"),
        ("http://🫨.e.org/", "http://xn--929h.e.org/"),
        (f"http://ü{'x' * 63}.de/", f"http://xn--{'x' * 63}-0qg.de/"),
        ("http://e.org/?print=1&ref=home", "http://e.org/?print=1&ref=home"),
        ("http://www.e.org/index.html", "http://www.e.org/index.html"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://e.org/../..", "http://e.org/"),
        ("not a url", "not a url"),
        ("http://[oops/", "http://[oops/"),
        ("http://e.org:port/", "http://e.org:port/"),
    ],
)
def test_normalize(url: str, expected: str) -> None:
    """One spelling for one address, which still resolves."""
    assert normalize_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a",
        "http://www.example.org/a/",
        "http://example.org/a/index.html",
        "http://example.org/a/?print=1",
        "http://example.org/a?ref=nav&utm_medium=x#top",
    ],
)
def test_key(url: str) -> None:
    """Addresses of one page share a key."""
    assert url_key(url) == "example.org/a"


def test_key_keeps_what_chooses_a_page() -> None:
    """Language, page number and case of the path may choose another page."""
    pages = ["a", "A", "a?lang=en", "a?lang=de", "a?page=2", "b", "a?s=query-2-with-many-letters"]
    pages += ["a?id=1", "a?v=2&t=3"]
    keys = {url_key(f"http://example.org/{page}") for page in pages}
    assert len(keys) == len(pages)
    assert url_key("http://www.com/") == "www.com"


@given(urls)
def test_idempotent(url: str) -> None:
    """Normalising twice changes nothing, and the key does not depend on the spelling."""
    normal = normalize_url(url)
    assert normalize_url(normal) == normal
    assert url_key(normal) == url_key(url)
    assert url_host(normal) == url_host(url)


@given(st.text())
def test_any_text(text: str) -> None:
    """Text that is no URL raises nothing."""
    assert normalize_url(normalize_url(text)) == normalize_url(text)
    url_key(text)


def test_registrable_domain() -> None:
    """The public-suffix list says where a registration begins."""
    assert registrable_domain("a.b.example.co.uk") == "example.co.uk"
    assert registrable_domain("user.github.io") == "user.github.io"
    assert registrable_domain("1.2.3.4") == "1.2.3.4"
    assert registrable_domain("localhost") == "localhost"
    assert registrable_domain("co.uk") == "co.uk"


def test_real_duplicates() -> None:
    """Every kind of duplicate address of a real crawl but `lang=` and mirrors shares its key."""
    if not CRAWL.exists():
        pytest.skip("no shared data")
    import pyarrow.parquet as pq

    columns = ["url", "dup_of", "nuisance"]
    labels = pq.read_table(CRAWL / "labels.parquet", columns=columns).to_pylist()
    kinds = {"scheme", "utm", "session", "www", "print", "ref", "index", "refetch"}
    twins = [row for row in labels if row["nuisance"].removeprefix("dup_") in kinds]
    assert len(twins) > 200
    assert all(url_key(row["url"]) == url_key(row["dup_of"]) for row in twins)
