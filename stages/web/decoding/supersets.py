"""Codecs for the labels that pages use, and what they hold beyond what Python's decode.

WHATWG's encodings are supersets of their namesakes: `gb2312` is gb18030, `euc-jp` has the rows that
NEC and IBM added, 0x80 in GBK is the euro sign. Where Python has the superset it is taken; else
what the codec refuses is looked up in a second table, so that characters on which the tables
differ (wave dash, minus sign) stay the codec's own.
"""

import codecs
import re
from functools import lru_cache

from resiliparse.parse.encoding import map_encoding_to_html5

MULTI_BYTE = frozenset({"cp932", "euc_jp", "cp949", "gb18030", "big5hkscs"})
"""Encodings of which a single wrong byte says little: other bytes hardly ever look like them."""

_IBM_IN_EUC_JP = (
    "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ＇＂㈱№℡炻仼僴凬匇匤﨎咊坙﨏塚增寬峵嵓"
    "﨑德悅愠敎昻晥晴朗栁﨓﨔橫櫢淸淲瀨凞猪甁皂皞益礰礼神祥福竧靖精綠緖羽荢﨟薰蘒﨡蠇"
    "諸譿賴赶﨣﨤逸郞都鄕﨧﨨閒隆﨩霻靍靑飯飼館馞髙魲鶴黑"
)
"""From 8F F3 F3 to 8F F4 FE in eucJP-ms: what IBM added and neither table of JIS has."""
_HKSCS_2008 = (
    "㡵𡵓𣚞𦀡㻬𥣞㫵竼龗𤅡𨤍𣇪𠪊𣉞䌊蒄龖鐯䤰蘓墖靊鈘秐稲晠権袝瑌篅枂稬剏遆"
    "㓦珄𥶹瓆鿇垳䤯呌䄱𣚎堘穲𧭥讏䚮𦺈䆁𥶙箮𢒼鿈𢓁𢓉𢓌鿉蔄𣖻䂴鿊䓡𪷿拁灮鿋"
)
"""From 87 7A to 87 DF in Big5-HKSCS; Python's codec is of 2004."""
_PRIVATE = str.maketrans(
    "\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796\ue7c7\ue816"
    "\ue817\ue818\ue81e\ue826\ue82b\ue82c\ue831\ue832\ue83b\ue843\ue854\ue855"
    "\ue864",
    "︐︒︑︓︔︕︖︗︘︙ḿ𠂇𠂉𠃌龴龵龶龷𡗗龸𢦏龹龺𤇾龻",
)
"""Characters that GB 18030 had no code points for in 2000, and has since 2022."""
_PRIVATE_USE = re.compile("[\ue78d-\ue864]")
_SUPERSETS = {
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-11": "cp874",
}
"""Python codecs that decode all their namesakes do, and what pages in the wild hold beyond."""
_MORE_LABELS = {
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-user-defined": "cp1252",
}
"""Labels of WHATWG's that resiliparse's table lacks; the last by the standard's prescan."""

_ESCAPED = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJI])([^\x1b\r\n]*+)")
_HIGH = bytes(byte | 0x80 if 0x20 < byte < 0x7F else byte for byte in range(256))


@lru_cache(maxsize=256)
def codec_of(label: str) -> str:
    """Python's name for a charset label; the empty string for one that WHATWG does not know, and
    for UTF-16, which bytes without its marks never are."""
    label = label.strip().lower()
    name = _MORE_LABELS.get(label) or map_encoding_to_html5(label, fallback_utf8=False)
    if name is None or name.startswith("utf-16"):
        return ""
    return _SUPERSETS.get(name, name)


def decode(data: bytes, codec: str) -> str:
    """The text; what no table knows becomes U+FFFD."""
    text = data.decode(codec, _HANDLERS.get(codec, "replace"))
    return text.translate(_PRIVATE) if codec == "gb18030" and _PRIVATE_USE.search(text) else text


def euc_of_iso_2022_jp(data: bytes) -> bytes:
    """The same text in EUC-JP, which has a second table. Escapes choose the set of what follows,
    and the end of a line goes back to ASCII."""
    return _ESCAPED.sub(_shift_in, data)


def _shift_in(escaped: re.Match[bytes]) -> bytes:
    set_, text = escaped[1], escaped[2]
    if set_ in {b"$@", b"$B"}:
        return text.translate(_HIGH)
    if set_ == b"$(D":
        pairs = (text[at : at + 2].translate(_HIGH) for at in range(0, len(text), 2))
        return b"".join(b"\x8f" + pair for pair in pairs)
    if set_ == b"(I":
        return b"".join(b"\x8e" + bytes([byte]).translate(_HIGH) for byte in text)
    return text


def _second_table(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if error.encoding == "gb18030":
        return ("€", error.start + 1) if pair[:1] == b"\x80" else ("\ufffd", error.end)
    if error.encoding == "euc_jp" and pair[:1] == b"\x8f":
        return _third_byte(error)
    if error.encoding == "big5hkscs" and b"\x87\x7a" <= pair <= b"\x87\xdf":
        place = pair[1] - 0x7A if pair[1] < 0x7F else pair[1] - 0xA1 + 5
        if place >= 5 or pair[1] < 0x7F:
            return _HKSCS_2008[place], error.start + 2
    try:
        if error.encoding == "euc_jp":
            return _shift(pair).decode("cp932"), error.start + 2
        return pair.decode("cp950"), error.start + 2
    except (UnicodeDecodeError, ValueError):
        return "\ufffd", error.end


def _third_byte(error: UnicodeDecodeError) -> tuple[str, int]:
    """Three bytes of EUC-JP that only IBM's rows have."""
    row, cell = (error.object[error.start + 1 : error.start + 3] + b"\0\0")[:2]
    place = (row - 0xF3) * 94 + cell - 0xF3
    if row in (0xF3, 0xF4) and 0xA1 <= cell <= 0xFE and place >= 0:
        return _IBM_IN_EUC_JP[place], error.start + 3
    return "\ufffd", error.end


def _shift(pair: bytes) -> bytes:
    """Two bytes of EUC-JP in Shift_JIS, in which CP932 knows what NEC and IBM added."""
    row, cell = (byte - 0xA0 for byte in pair)
    if not (0 < row < 95 and 0 < cell < 95):
        raise ValueError("no character of EUC-JP")
    lead = (row + 1) // 2 + (0x80 if row < 63 else 0xC0)
    if row % 2 == 0:
        return bytes([lead, cell + 0x9E])
    return bytes([lead, cell + (0x3F if cell < 64 else 0x40)])


_HANDLERS = dict.fromkeys(("euc_jp", "gb18030", "big5hkscs"), "sluice-second-table")
codecs.register_error("sluice-second-table", _second_table)
