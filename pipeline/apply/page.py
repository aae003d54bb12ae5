"""One page, from a file or an address, to see what extraction makes of it."""

import sys
import urllib.error
import urllib.request
from pathlib import Path

from pipeline.storage.credentials import public_url, without_credentials
from stages.errors import ConfigError, InputError
from stages.regular_files import open_regular
from stages.web.decoding.charset import decode_page
from stages.web.decoding.sniff import parses_as_xml
from stages.web.explain import Explained, explain
from stages.web.options import ExtractOptions
from stages.web.reading.http import OK, PayloadTooLargeError, Response, decode_payload

STANDARD_INPUT = "-"
SECONDS = 30.0
"""How long a server may be silent."""


def explain_page(place: str) -> Explained:
    """What extraction makes of the page at `place`: a file of HTML, an address beginning with
    http:// or https://, or `-` for standard input. ConfigError if there is no page there."""
    max_bytes = ExtractOptions().max_page_bytes
    if place.startswith(("http://", "https://")):
        return _from_server(place, max_bytes)
    try:
        if place == STANDARD_INPUT:
            data = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with open_regular(Path(place)) as stream:
                data = stream.read(max_bytes + 1)
    except OSError as error:
        raise ConfigError(f"{place}: {error.strerror or error}") from error
    _check_size(place, len(data), max_bytes)
    return explain(decode_page(data))


def _from_server(url: str, max_bytes: int) -> Explained:
    shown = public_url(url)
    request = urllib.request.Request(url, headers={"User-Agent": "sluice", "Accept": "text/html"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            headers = {name.lower(): response.headers.get_all(name) for name in response.headers}
            data = response.read(max_bytes + 1)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise ConfigError(f"{shown}: {without_credentials(str(error))}") from error
    _check_size(shown, len(data), max_bytes)
    headers.pop("transfer-encoding", None)  # undone
    head = Response(OK, headers, 0)
    try:
        payload = decode_payload(data, head.encodings, max_bytes)
    except PayloadTooLargeError as error:
        raise InputError(f"{shown}: {error}") from error
    return explain(decode_page(payload, head.charset), xml=parses_as_xml(head.mime, payload))


def _check_size(place: str, n_bytes: int, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise InputError(f"{place}: a page of more than {max_bytes:,} bytes")
