"""Decoding pages whose charset is declared, missing or wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.web.decoding.charset import decode_page, is_utf8, utf8_page
from stages.web.decoding.prescan import declared_charsets

RUSSIAN = "<p>Съешь же ещё этих мягких французских булок, да выпей чаю. Кодировка страницы.</p>" * 5
JAPANESE = "<p>いろはにほへと散りぬるを。日本語の文字コードを正しく判定します。</p>" * 5
CHINESE = "<p>这是一个关于编程语言的网页，我们要检查它的编码是否正确。</p>" * 5
GERMAN = "<p>Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. Ärger über Öl.</p>" * 5
KOREAN = "<p>모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.</p>" * 5

CASES = [
    (RUSSIAN, "windows-1251"),
    (RUSSIAN, "koi8-r"),
    (JAPANESE, "shift_jis"),
    (JAPANESE, "euc-jp"),
    (JAPANESE, "iso2022_jp"),
    (CHINESE, "gb2312"),
    (GERMAN, "iso-8859-1"),
    (RUSSIAN, "utf-8"),
    (GERMAN, "utf-16-le"),
    (GERMAN, "utf-16-be"),
]


@pytest.mark.parametrize("declared", [None, "iso-8859-1", "utf-8", "none"])
@pytest.mark.parametrize(("page", "charset"), CASES)
def test_header_missing_or_wrong(page: str, charset: str, declared: str | None) -> None:
    """A missing or wrong header makes no mojibake."""
    assert decode_page(page.encode(charset), declared) == page
    assert utf8_page(page.encode(charset), declared) == page.encode()


@pytest.mark.parametrize(("page", "charset"), [*CASES[:8], (KOREAN, "euc-kr")])
def test_meta(page: str, charset: str) -> None:
    """A page's own declaration holds against a header that names a default."""
    page = f'<html><head><meta charset="{charset}"></head>{page}</html>'
    assert decode_page(page.encode(charset), "iso-8859-1") == page


def test_byte_order_mark() -> None:
    """A byte-order mark wins and is no part of the text."""
    assert decode_page(b"\xef\xbb\xbf<p>\xc3\xa9", "shift_jis") == "<p>é"
    assert decode_page("\ufeff<p>é".encode("utf-16-le"), "utf-8") == "<p>é"


def test_cut_character() -> None:
    """A page cut inside a UTF-8 character is UTF-8."""
    assert decode_page("<p>Grüße aus Köln ü".encode()[:-1], "windows-1252") == "<p>Grüße aus Köln "


def test_one_bad_byte() -> None:
    """UTF-8 with one wrong byte stays UTF-8."""
    page = RUSSIAN.encode() + b"\xff" + RUSSIAN.encode()
    assert decode_page(page, "utf-8") == f"{RUSSIAN}�{RUSSIAN}"


UMLAUTS = "<p>Größe, Länge, Höhe: für Köln und Zürich.</p>"


@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1", "windows-1252", "koi8-r"])
@pytest.mark.parametrize(
    "bad",
    [
        b"caf\xe9",
        b"It\x92s \x93nice\x94",
        b"\xe2\x80",
        b"na\xefve \xfcber",
        b"\xc3...",
        b"\xff\xfe",
    ],
)
def test_utf8_with_bad_bytes(bad: bytes, declared: str | None) -> None:
    """Bytes of another encoding in a page of UTF-8 are lost; nothing else is."""
    page = f"<meta charset={declared or 'utf-8'}>{UMLAUTS}".encode()
    for where in (page + b"<p>" + bad + b"</p>", b"<p>" + bad + b"</p>" + page):
        assert UMLAUTS in decode_page(where, declared)


def test_few_umlauts_are_no_utf8() -> None:
    """A page in another encoding is not UTF-8 for one pair that looks like it."""
    page = "<p>ÜBER Größe: Ã¤ und ä, für Mädchen</p>"
    assert decode_page(page.encode("cp1252"), "utf-8") == page
    thai = "<p>การเขียนโปรแกรมคอมพิวเตอร์เป็นกระบวนการออกแบบและสร้างโปรแกรม</p>"
    assert decode_page(thai.encode("cp874"), "windows-874") == thai


def test_what_is_far_from_the_start() -> None:
    """The first character that is not ASCII may come late."""
    page = f"<html>{'<p>x</p>' * 40_000}{RUSSIAN}"
    assert decode_page(page.encode("cp1251"), "windows-1251") == page
    assert decode_page(page.encode() + b"\xff") == page + "\ufffd"


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("euc-jp", b"\xad\xa1\xad\xb5 \xad\xea \xad\xf0", "①Ⅰ ㈱ ≒"),
        (
            "x-euc-jp",
            b"\xf9\xa1\xfc\xf3 \xa1\xc1",
            "纊" + bytes([0xEE, 0xF1]).decode("cp932") + " 〜",
        ),
        ("euc-jp", b"\x8f\xf3\xf3 \x8f\xf4\xa9 \x8f\xf4\xfe \x8f\xb0\xa1", "ⅰ ＇ 黑 丂"),
        ("big5-hkscs", b"\x87\x7a\x87\xa1\x87\xdf\x87\x40", "㡵𥣞鿋䏰"),
        ("gb18030", b"\xa6\xd9\xa8\xbc\xfe\x51\xfe\xa0 \x95\x32\x82\x36", "︐ḿ𠂇龻 𠀀"),
        ("gbk", b"\xbc\xdb\x80 5 \xa2\xe3", "价€ 5 €"),
        ("gb2312", b"\xbc\xdb\x80", "价€"),
        ("gb18030", b"\x94\x39\xda\x33\x80", "💩€"),
        ("big5", b"\xa3\xe1\xf9\xd6\xa4\xa4", "€碁中"),
        ("big5-hkscs", b"\xfb\xfd\xa4\xa4", "廴中".replace("廴", b"\xfb\xfd".decode("big5hkscs"))),
        ("shift_jis", b"\x87\x40\xfa\x54\xee\xf9", "①￢￢"),
        ("euc-kr", b"\x81\x41\xb0\xa1", "갂가"),
        ("latin5", b"\xfd\xf0\xdd", "ığİ"),
        ("iso-8859-9", b"\x80\xfe", "€ş"),
        ("x-mac-cyrillic", b"\x8f\xf0\xe8", "При"),
        ("x-mac-ukrainian", b"\x8f\xf0\xe8", "При"),
        ("tis-620", b"\xa1\x85", "ก…"),
        ("windows-874", b"\xa1\x80", "ก€"),
    ],
)
def test_labels_and_supersets(label: str, data: bytes, text: str) -> None:
    """Labels are WHATWG's, and their tables hold what Windows, NEC and IBM added."""
    page = f"<meta charset={label}><p>".encode()
    assert decode_page(page + data) == page.decode() + text


def test_iso_2022_jp() -> None:
    """All its sets are read, with the row that NEC added; a line begins in ASCII."""
    page = b'<p>a \x1b$B-!$"\x1b(B b \x1b(I1\x1b(J c \x1b$(D0!\x1b$@0!\nd \x1b(B</p>'
    assert decode_page(page) == "<p>a ①あ b ｱ c 丂亜\nd </p>"


@pytest.mark.parametrize(
    ("page", "label"),
    [
        (JAPANESE, "euc-jp"),
        (JAPANESE, "shift_jis"),
        (KOREAN, "euc-kr"),
        (CHINESE, "gb2312"),
        ("<p>這是一個關於程式語言的網頁，我們要檢查它的編碼是否正確。</p>", "big5"),
    ],
)
def test_one_unknown_character(page: str, label: str) -> None:
    """A short page in a declared multi-byte encoding may hold one character that is none."""
    short = page[: page.index("</p>") + 4]
    head = f"<meta charset='{label}'>"
    data = head.encode() + short.encode(label) + b"<p>\xff</p>"
    assert decode_page(data).startswith(head + short)


NO_DECLARATIONS = [
    "<!-- <meta charset=koi8-r> -->",
    "<!-- a > b --!> <meta charset=koi8-r> -->",
    "<!--><!-- <meta charset=koi8-r> -->",
    '<meta name=description content="How to set charset=koi8-r">',
    '<meta name="keywords" content="text/html; charset=koi8-r">',
    "<meta data-charset=koi8-r>",
    "<metadata charset=koi8-r>",
    "<meta charset=none-such>",
    '<script>document.write("<meta charset=koi8-r>")</script>',
    "<style>/* <meta charset=koi8-r> */</style>",
    "<title>The tag <meta charset=koi8-r> explained</title>",
    '<link title="<meta charset=koi8-r>">',
    "<? <meta charset=koi8-r ?>",
    '<meta http-equiv=refresh content="5; url=/?charset=koi8-r">',
    "<meta http-equiv=Content-Type data-content='charset=koi8-r'>",
    "<meta http-equiv=content-type content='charset koi8-r'>",
]


@pytest.mark.parametrize("other", NO_DECLARATIONS)
def test_what_declares_nothing(other: str) -> None:
    """Comments, descriptions, scripts and attributes of other names are no declarations."""
    page = f"<!doctype html><html><head>{other}<meta charset=windows-1251></head>{RUSSIAN}"
    assert declared_charsets(page.encode("cp1251"))[-1] == "windows-1251"
    assert "koi8-r" not in declared_charsets(page.encode("cp1251"))
    assert decode_page(page.encode("cp1251")) == page


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta charset=koi8-r>",
        "<META CHARSET = 'KOI8-R' />",
        "<meta/charset=koi8-r>",
        '<meta name=x charset="koi8-r">',
        '<meta content="text/html; charset=koi8-r" http-equiv="Content-Type">',
        "<meta http-equiv=content-type content=\"text/html;charset='koi8-r'\">",
        "<meta http-equiv='Content-Type' content='text/html; charset = koi8-r ; x'>",
        '<meta charset=koi8-r" />',
        "<meta charset=koi8-r charset=windows-1251>",
        "<title>x</title><meta charset=koi8-r>",
        "<script>if (a<b) {}</script><meta charset=koi8-r>",
        f"<script>{'x = 1;' * 2000}</script><meta charset=koi8-r>",
    ],
)
def test_what_declares(declaration: str) -> None:
    """Declarations in whatever spelling; of several in one tag the first."""
    (label,) = declared_charsets(f"<html><head>{declaration}".encode())
    assert label.lower() == "koi8-r"


def test_xml_declaration() -> None:
    """An XML declaration counts at the very start, behind what `<meta>` says."""
    xml = b"<?xml version='1.0' encoding=\"KOI8-R\"?><html>"
    assert declared_charsets(xml) == ["KOI8-R"]
    assert declared_charsets(xml + b"<meta charset=utf-8>") == ["utf-8", "KOI8-R"]
    assert declared_charsets(b"<p>" + xml) == []


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", ["", "\n", "\r\n\r\n", " \t", "<!-- x -->", "Ж", "текст "])
@pytest.mark.parametrize("declared", [None, "utf-8", "utf-16", "iso-8859-1"])
def test_wide_without_mark(before: str, charset: str, declared: str | None) -> None:
    """UTF-16 without a mark shows by its markup, whatever stands before it."""
    page = f"{before}<html><head><meta charset=utf-16></head><body>{RUSSIAN}{GERMAN}"
    assert decode_page(page.encode(charset), declared) == page


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_wide_without_alphabet(charset: str) -> None:
    """Text in kana has few zeros; the first tag has them."""
    page = "\n<html><body><p>" + "これはとてもながいぶんです。" * 30
    assert decode_page(page.encode(charset)) == page


def test_korean_that_nobody_declares() -> None:
    """EUC-KR without a declaration, among Latin letters; French is not taken for it."""
    page = "<p>이 프로그램을 설치하려면 먼저 파일을 내려받으십시오. Python 3</p>" * 3
    assert decode_page(page.encode("cp949")) == page
    french = "<p>L'été dernier, à la fête du café, où j'ai été invité.</p>" * 3
    assert decode_page(french.encode("cp1252")) == french


def test_zeros_are_not_wide() -> None:
    """Zeros in a page of UTF-8 or another encoding do not make it UTF-16."""
    page = f"<p>\0\0{UMLAUTS}\0</p>"
    assert decode_page(page.encode()) == page
    assert decode_page(page.encode("cp1252"), "iso-8859-1") == page


@given(st.binary(max_size=300), st.sampled_from([None, "euc-jp", "big5", "gbk", "x", ""]))
def test_any_bytes(data: bytes, declared: str | None) -> None:
    """Whatever the bytes, there is a text, and the same in UTF-8."""
    for page in (data, b"<meta charset=" + data, b"\xef\xbb\xbf" + data):
        assert utf8_page(page, declared) == decode_page(page, declared).encode()


@given(st.one_of(st.binary(max_size=30), st.text(max_size=30).map(str.encode)))
def test_what_is_utf8(data: bytes) -> None:
    """As Python's strict decoder has it."""
    try:
        data.decode()
    except UnicodeDecodeError:
        assert not is_utf8(data)
    else:
        assert is_utf8(data)
