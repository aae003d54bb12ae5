"""Which language a text is in: scripts, short texts, long ones."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.web.natural_language import natural_language
from stages.web.scripts import count_scripts

PATTERNS = {
    "n_letters": r"[^\W\d_]+",
    "n_kana": "[\u3041-\u3096\u30a1-\u30f6\uff66-\uff9d]+",
    "n_han": "[\u3400-\u4dbf\u4e00-\u9fff]+",
    "n_hangul": "[\uac00-\ud7a3]+",
    "n_cyrillic": "[\u0400-\u052f]+",
    "n_latin": "[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+",
}
TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from("abÖ×é жЁ҈ かカ漢한 _1٣ﬁ\ud800\U00020000"))
)


@given(TEXTS)
def test_scripts_are_those_of_the_patterns(text: str) -> None:
    """One pass counts what a regular expression for each script finds, and joins its words."""
    found = count_scripts(text)
    for name, pattern in PATTERNS.items():
        assert getattr(found, name) == sum(map(len, re.findall(pattern, text)))
    assert found.cyrillic == " ".join(re.findall(PATTERNS["n_cyrillic"], text))
    assert found.latin == " ".join(re.findall(PATTERNS["n_latin"], text))


SHORT = [
    ("en", "Instructions for users of the mobile app"),
    ("en", "The requested page could not be found on this server."),
    ("en", "Please log in to see your latest comments"),
    ("nl", "Hoe verwijder je een programma van je computer?"),
    ("nl", "Deze website is niet meer beschikbaar"),
    ("nl", "Welkom bij onze vereniging voor muziek"),
    ("pl", "Gdzie można pobrać sterowniki do drukarki?"),
    ("pl", "Ta strona została przeniesiona na nowy serwer"),
    ("pl", "Najczęściej zadawane pytania oraz odpowiedzi"),
    ("de", "So wird der Drucker unter Linux eingerichtet"),
    ("de", "Häufig gestellte Fragen zu Dateien"),
    ("fa", "راهنمای نصب برنامه در ویندوز"),
    ("hi", "इस प्रोग्राम को कंप्यूटर पर कैसे स्थापित किया जाता है और चलाया जाता है"),
    ("de", "Diese Seite wurde leider nicht gefunden"),
    ("fr", "Comment désinstaller une application sur votre téléphone"),
    ("fr", "Cette page est en cours de construction"),
    ("es", "Cómo cambiar la contraseña de tu cuenta"),
    ("it", "Come si cambia la lingua delle impostazioni"),
    ("pt", "Você não tem permissão para ver esta página"),
    ("sv", "Så här ändrar du språk i webbläsaren och sparar"),
    ("fi", "Miten vaihdan salasanan, jos se on kadonnut?"),
    ("cs", "Jak změnit heslo, když ho už neznáte"),
    ("tr", "Şifremi unuttum, nasıl yeni bir şifre alabilirim?"),
    ("hu", "Hogyan lehet a jelszót megváltoztatni?"),
    ("ro", "Cum se schimbă parola și unde este salvată"),
    ("vi", "Làm thế nào để thay đổi mật khẩu của bạn"),
    ("ru", "Страница не найдена, попробуйте поиск по сайту"),
    ("uk", "Як встановити програму у Windows?"),
    ("be", "Як усталяваць праграму ў Windows"),
    ("bg", "Как се инсталира програмата под Windows?"),
    ("mk", "Како да ја инсталирате програмата на Windows?"),
    ("sr", "Страница коју сте тражили није пронађена"),
    ("kk", "Бағдарламаны қалай орнатуға болады"),
    ("zh", "如何在Windows上安装程序"),
    ("ko", "윈도우에 프로그램 설치"),
    ("hi", "विंडोज पर प्रोग्राम कैसे स्थापित करें और उसका उपयोग कैसे करें"),
    ("ka", "როგორ დავაყენოთ პროგრამა"),
    ("hy", "Ինչպես տեղադրել ծրագիրը"),
    ("el", "Πώς να εγκαταστήσετε το πρόγραμμα"),
    ("id", "Bagaimana cara mengubah kata sandi dengan mudah"),
]


@pytest.mark.parametrize(("language", "text"), SHORT)
def test_short_texts(language: str, text: str) -> None:
    """A sentence is enough, whatever the template around it claims."""
    assert natural_language(text) == language
    assert natural_language(text, language.upper() + "-XY") == language
    assert natural_language(text, "ja") == language


def test_declared_language_decides_between_likely_ones() -> None:
    """Danish and Norwegian share whole sentences."""
    text = "Hvordan skifter jeg adgangskode på min telefon?"
    assert natural_language(text, "da") == "da"
    assert natural_language(text, "nb-NO") == "no"
    assert natural_language(text) in {"da", "no"}


def test_short_text_that_no_table_knows() -> None:
    """The detector is asked where no words are known; of too little nothing is said."""
    assert natural_language("Ffurflen gais am drwydded bysgota yng Nghymru heddiw") == "cy"
    assert natural_language("Rolf Meier") is None
    assert natural_language("") is None
    assert natural_language("ኮምፒውተር ፕሮግራም እንዴት እንደሚጫን ለተጠቃሚዎች መመሪያ") is None


def test_addresses_are_no_words() -> None:
    """An address has no language."""
    assert (
        natural_language("跳转中您将被重定向至 https://oi.example.org/minimum-spanning-tree/")
        == "zh"
    )
    assert natural_language("https://example.org/how-to-write-about-the-weather-of-today") is None


def test_long_text_is_the_detectors() -> None:
    """Words of another language do not outweigh a page of text."""
    dutch = (
        "Deze pagina beschrijft hoe je een vereniging opricht en wat je daarvoor nodig hebt. " * 9
    )
    assert (
        natural_language(dutch + "Please read the terms and the privacy policy of this site")
        == "nl"
    )


def test_table() -> None:
    """Every row has a language, words in lower case without repeats, and letters of it."""
    text = files("seeds").joinpath("short_text_words.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert len({language for language, _, _ in rows}) == len(rows) > 25
    for language, words, letters in rows:
        assert re.fullmatch("[a-z]{2}", language)
        assert words.split() == sorted(set(words.lower().split()))
        assert len(words.split()) >= 20
        scripts = {count_scripts(word).n_cyrillic for word in words.split()}
        pattern = PATTERNS["n_latin" if scripts == {0} else "n_cyrillic"]
        assert all(re.fullmatch(pattern, word) for word in words.split())
        assert not set(letters) & set("abcdefghijklmnopqrstuvwxyz ")
