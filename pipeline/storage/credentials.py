"""What is written down never holds a secret: this module alone decides what is one.

A URL is written without its user, password, query and fragment: presigned URLs name their secrets
as they like, so no part of a query is trusted. Elsewhere the name tells (`password`, `api_key`,
`AWSAccessKeyId`, …). `public_url` is what an input is called and recorded as, so that one object
behind a fresh signature is the same input; `without_credentials` is for everything that people or
programs may read later: messages, logs, `run.json`.
"""

import re
from typing import Any
from urllib.parse import unquote

from stages.errors import ConfigError

HIDDEN = "***"

STORES = ("s3://", "gs://", "gcs://", "az://", "abfs://", "memory://")
"""Stores whose objects have keys, which may hold `?` and `#`; their credentials come from the
environment."""

_NEXT = r"::[A-Za-z][A-Za-z0-9+.-]*://"
"""Where the next URL of a chain begins (`zip://x::https://host/y.zip`)."""
_URL = re.compile(rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>(?:(?!{_NEXT})\S)*)")
_PORT = re.compile(r"\[[^]]*\](?::\d*)?|[^:]*(?::\d*)?")
_CLOSING = re.compile(r"[\]'\")}>,;:.!]*$")
_ASSIGNED = re.compile(
    r"""(?P<name>[\w.%-]+)=(?:"[^"]*"|'[^']*'|[^\s&]+?(?=[])},;:.]*(?:[\s&]|$)))"""
)

_PARTS = re.compile(
    r"password|passwd|passphrase|secret|credential|signature"
    r"|(?:access|api|private|account|shared|signing|encryption|license)key"
)
"""In a name in lower case without separators."""
_WORDS = frozenset(
    ("auth", "authorization", "bearer", "cookie", "jwt", "pass", "pwd", "sas", "sig", "token")
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def public_url(url: str) -> str:
    """The URL without user, password, query and fragment; a store's URL or a path as it is."""
    if url.startswith(STORES):
        return url
    return _URL.sub(lambda match: match["scheme"] + _bare(match["rest"]), url)


def require_plain(setting: str, url: str) -> None:
    """ConfigError, naming the setting, for an input's URL that may show a secret however carefully
    it is written down: nobody can tell where its host begins, or where it ends in a message; or a
    store's that has a key before its bucket (`s3://KEY:SECRET@bucket`), which no store takes from
    there."""
    shown = without_credentials(url)
    if url.startswith(STORES):
        if _has_key(url):
            problem = f"a key in {shown!r}; a store's credentials come from the environment"
            raise ConfigError(f"{setting}: {problem}")
        return
    if any(map(str.isspace, url)):
        scheme = url.partition("://")[0]
        raise ConfigError(f"{setting}: white space in a URL that begins {scheme}://; write %20")
    if any(
        _begins_password(authority) and "@" in path + query
        for authority, path, query in (_split(match["rest"]) for match in _URL.finditer(url))
    ):
        raise ConfigError(
            f"{setting}: where is the host in {shown!r}? In a user or password write `/` as %2F, "
            "`?` as %3F, `#` as %23, and after the host `@` as %40"
        )


def is_secret(name: str) -> bool:
    """Whether what has this name is a secret."""
    plain = unquote(name)
    if _PARTS.search(re.sub(r"[^a-z]", "", plain.lower())):
        return True
    return any(word.lower() in _WORDS for word in _WORD.findall(plain))


def without_credentials(value: Any) -> Any:
    """The same value, every secret in it replaced by `***`."""
    if isinstance(value, str):
        return _ASSIGNED.sub(_hide_assigned, _URL.sub(_hide_in_url, value))
    if isinstance(value, dict):
        return {
            key: HIDDEN if is_secret(str(key)) and item else without_credentials(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_credentials(item) for item in value]
    return value


def _has_key(url: str) -> bool:
    """The `@` of `abfs://container@account` follows no `:`."""
    authority, path, _ = _split(url.partition("://")[2])
    is_name = authority.startswith("arn:")
    return not is_name and _begins_password(authority) and "@" in authority + path


def _split(rest: str) -> tuple[str, str, str]:
    """What follows `://`: authority, path, and query with fragment (each with its mark)."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = re.split(r"[?#]", rest[len(authority) :], maxsplit=1)[0]
    return authority, path, rest[len(authority) + len(path) :]


def _bare(rest: str) -> str:
    authority, path, _ = _split(rest)
    return authority.rpartition("@")[2] + path


def _begins_password(authority: str) -> bool:
    """`me:word@host`, or `me:word` where a port would be a number."""
    if "@" in authority:
        return ":" in authority.rpartition("@")[0]
    return _PORT.fullmatch(authority) is None


def _hide_in_url(match: re.Match[str]) -> str:
    rest = match["rest"]
    authority = _split(rest)[0]
    if "@" in authority or (_begins_password(authority) and "@" in rest):
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    authority, path, query = _split(rest)
    closing = _CLOSING.search(query)
    assert closing is not None
    if closing.start() > 1:
        query = query[0] + HIDDEN + closing[0]
    return match["scheme"] + authority + path + query


def _hide_assigned(match: re.Match[str]) -> str:
    return f"{match['name']}={HIDDEN}" if is_secret(match["name"]) else match[0]
