"""Unicode without a mark, and Unicode that is damaged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.github.files.encodings import decode_file

CODE = "\nint f(void) {\n    return 0;\n}\n"
SCRIPTS = {
    "German": "// Größe der Fläche, überprüft",
    "Russian": "// возвращает сумму двух чисел",
    "Greek": "// Επιστρέφει την τιμή",
    "Hebrew": "// מחזיר את סכום המספרים",
    "Arabic": "// تُرجع مجموع عددين",
    "Hindi": "// दो संख्याओं का योग",
    "Thai": "// คืนค่าผลรวมของสองจำนวน",
    "Georgian": "// აბრუნებს ორი რიცხვის ჯამს",
    "Chinese": "// 返回两个数的和，一二三",
    "Japanese": "// これはふたつのかずのわをかえす。カタカナ",
    "Korean": "// 두 수의 합을 반환합니다",
    "emoji": "// 🎉 done 🚀",
}
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("comment", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("encoding", WIDE)
def test_wide_text_is_told_in_any_script(comment, encoding):
    """Without a mark; also if the last character is cut."""
    text = comment + CODE
    assert decode_file("a.c", text.encode(encoding)) == (text, None, encoding)
    cut = decode_file("a.c", text.encode(encoding)[:-1])
    assert cut == (text[:-1], None, f"{encoding}+cut")


@pytest.mark.parametrize("comment", SCRIPTS.values(), ids=SCRIPTS)
def test_wide_prose_is_told_by_its_line_ends(comment):
    """A few NULs suffice where no code stands between the words."""
    text = "\n".join([comment.removeprefix("// ")] * 9) + "\n"
    for encoding in WIDE:
        assert decode_file("a.txt", text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", WIDE)
def test_a_mark_with_a_little_damage(encoding):
    """A cut character is taken off, a lone surrogate replaced; noise is no text."""
    data = ("\ufeff" + "Größe\n" * 50).encode(encoding)
    assert decode_file("a.txt", data[:-1]).text == ("Größe\n" * 50)[:-1]
    if "16" in encoding:
        lone = "\ud83d".encode(encoding, "surrogatepass")
        got = decode_file("a.txt", data + lone + "x\n".encode(encoding))
        assert got == ("Größe\n" * 50 + "\ufffdx\n", None, f"{encoding}+replaced")
        assert decode_file("a.txt", data[:2] + bytes(range(256)) * 9).text is None


@pytest.mark.parametrize(
    "payload",
    [
        b"one\0two\0three\0",
        b"abc\0def\0ghi\0jkl\0",
        b"ab\0cd\0ef\0",
        b"key=value\0other=12\0" * 20,
        b"caf\xc3\xa9\0the\0" * 9,
    ],
)
def test_text_with_nuls_in_it_is_no_wide_text(payload):
    """Lists as `find -print0` and `/proc` write them."""
    assert decode_file("list", payload).text == payload.decode()


def cesu_8(text):
    halves = text.encode("utf-16-be", "surrogatepass")
    units = [
        halves[i : i + 2].decode("utf-16-be", "surrogatepass") for i in range(0, len(halves), 2)
    ]
    return "".join(units).encode("utf-8", "surrogatepass")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
@settings(max_examples=50, derandomize=True)
def test_surrogates_that_were_encoded_one_by_one_are_joined(text):
    """CESU-8 of anything, among ordinary UTF-8."""
    text = "# Größe 😀 " + text
    assert decode_file("a.py", cesu_8(text)) == (text, None, "cesu-8")


def test_modified_utf_8_of_java_is_read():
    """Its NUL has two bytes."""
    data = b"x = '\xc0\x80' // " + cesu_8("😀 Größe\n")
    assert decode_file("a.java", data) == ("x = '\0' // 😀 Größe\n", None, "cesu-8")


@pytest.mark.parametrize("n_bytes", [1, 2, 3])
@pytest.mark.parametrize("text", ["int a; // Größe ", "# 面积 ", "# done 🎉 "])
def test_a_character_cut_at_the_end_is_taken_off(text, n_bytes):
    """The others say which encoding it is."""
    data = text.encode() + "🚀".encode()[:n_bytes]
    assert decode_file("a.c", data) == (text, None, "utf-8+cut")


def test_a_cut_character_among_ascii_is_no_letter():
    """One byte alone may be a Latin letter, if it is one that ends words."""
    for cut in (b"\xe2\x82", b"\xe2", b"\xf0\x9f", b"\xc3"):
        assert decode_file("a.c", b"int a; // see " + cut).text == "int a; // see "
    for word in (b"caf\xe9", b"Gru\xdf", b"voil\xe0"):
        text, _, encoding = decode_file("a.c", b"// " + word)
        assert len(text) == len(word) + 3
        assert not encoding.startswith("utf-8")


@pytest.mark.parametrize("bad", [b"\xff", b"\xe9", b"\x80", b"\xc3", b"\xed\xa0\xbd"])
@pytest.mark.parametrize(
    "text",
    [
        "Größe überprüft\n{}für alle Fälle\n",
        "# caf\u00e9 {}\n",
        "# вот {} так\n",
        "# 好{}\n",
        "# {} 🎉\n",
    ],
)
def test_a_bad_byte_costs_itself_alone(text, bad):
    """The rest of the file is what it was."""
    before, after = text.split("{}")
    got = decode_file("a.txt", before.encode() + bad + b" " + after.encode())
    assert got == (f"{before}\ufffd {after}", None, "utf-8+replaced")


def test_a_marked_utf_8_stays_utf_8():
    """The mark is evidence enough for one bad byte."""
    assert decode_file("a.txt", b"\xef\xbb\xbfplain \xff\n").text == "plain \ufffd\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "# Straße» und Größe, Maß\n"),
        ("cp1251", "# Функция возвращает сумму двух чисел и пишет «СУММА» на экран\n"),
        ("cp932", "# 関数の戻り値を返す。エラー処理\n"),
    ],
)
def test_other_encodings_stay_what_they_are(encoding, text):
    """Pairs of their bytes that would be UTF-8 are outweighed."""
    assert decode_file("a.py", text.encode(encoding)).text == text
