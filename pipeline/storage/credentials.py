"""What is written about a configuration never holds a secret: passwords and signatures in URLs,
and values of fields whose name says that they are one, become `***`."""

import re
from typing import Any

HIDDEN = "***"

_USER = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_SECRET_NAME = r"[\w.-]*(?:signature|credential|password|passwd|secret|token|apikey|api_key)[\w.-]*"
_QUERY = re.compile(rf"([?&](?:{_SECRET_NAME}|sig|key)=)[^&#\s]+", re.IGNORECASE)
_FIELD = re.compile(
    r"(?:^|_)(?:password|passwd|secret|credentials?|api_?key|access_?key|auth_?token)(?:$|_)",
    re.IGNORECASE,
)


def without_credentials(value: Any) -> Any:
    """The same value, every secret replaced by `***`."""
    if isinstance(value, str):
        return _QUERY.sub(rf"\g<1>{HIDDEN}", _USER.sub(HIDDEN, value))
    if isinstance(value, dict):
        return {
            key: HIDDEN if _FIELD.search(str(key)) and item else without_credentials(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_credentials(item) for item in value]
    return value
