"""`<sup>` and `<sub>` outside of formulas: 10⁶, H₂O, x^{n}, but 1st and [3] as they are.

Numbers become Unicode's raised and lowered digits, so that no power reads as a number; anything
else is written as TeX does, except where a raised text changes nothing: ordinals, notes,
trademarks.
"""

import re

from stages.web.markdown.paper import SCRIPT_END, SUB, SUP

_SUP, _SUB, _END = chr(SUP), chr(SUB), chr(SCRIPT_END)
_INNERMOST = re.compile(f"([{_SUP}{_SUB}])([^{_SUP}{_SUB}{_END}]*){_END}")
_UP = str.maketrans("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾")
_DOWN = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_NUMERIC = re.compile(r"[-+−(]{0,2}[0-9]+[-+−)]?")
_PLAIN_UP = re.compile(
    r"(?:st|nd|rd|th|er|re|e|è|ème|eme|ère|os?|as?|º|ª|tm|sm|TM|SM|®|©|™|℠|[*†‡§¶#?!.,;:\s]+|\[.*|.*\])",
    re.S,
)
_BLANKS = re.compile(r"\s+")
MAX_NESTED = 6


def write_scripts(text: str) -> str:
    """The text with its marks of scripts resolved."""
    for _ in range(MAX_NESTED):
        if _END not in text:
            break
        text = _INNERMOST.sub(_script, text)
    return text


def plain_scripts(code: str) -> str:
    """The same in code, where a power is `10^5`."""
    if _END not in code:
        return code
    for _ in range(MAX_NESTED):
        code = _INNERMOST.sub(_code_script, code)
    return code


def _script(match: re.Match[str]) -> str:
    raised, content = match[1] == _SUP, match[2].strip()
    if not content:
        return ""
    if _NUMERIC.fullmatch(content):
        return content.translate(_UP if raised else _DOWN)
    if raised and _PLAIN_UP.fullmatch(content):
        return content
    if "\n" in content or len(content) > 80:
        return f" {content} "
    return f"{'^' if raised else '_'}{{{_BLANKS.sub(' ', content)}}}"


def _code_script(match: re.Match[str]) -> str:
    content = match[2].strip()
    if not content:
        return ""
    return f"{'^' if match[1] == _SUP else '_'}{content if content.isalnum() else f'({content})'}"
