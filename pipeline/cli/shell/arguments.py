"""Arguments that must be text, or one of a few words: what a shell hands over may be anything, and
no UTF-8 (a path may be that, a name not)."""

from collections.abc import Iterable

from stages.errors import ConfigError


def require_text(value: str, name: str) -> None:
    """ConfigError unless the argument is UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{name} {value!r}: not UTF-8") from error


def require_one_of(value: str, known: Iterable[str], name: str, hint: str = "") -> None:
    """ConfigError unless the argument is one of the words; `hint` says what may have been meant."""
    if value not in (words := list(known)):
        raise ConfigError(f"{name} {value!r}: expected one of {', '.join(words)}{hint}")
