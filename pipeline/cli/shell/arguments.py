"""Arguments that must be text: what a shell hands over may be no UTF-8 (a path may, a name not)."""

from stages.errors import ConfigError


def require_text(value: str, name: str) -> None:
    """ConfigError unless the argument is UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{name} {value!r}: not UTF-8") from error
