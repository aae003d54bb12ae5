"""ARC 1.0, in which crawls before 2013 were stored.

A record is a line, `URL IP-address date type length`, that many bytes (of a web page: the HTTP
response), and a line end; version 2 has more fields before the length. The first record of a file
(`filedesc://`) describes it. (Burner and Kahle, "Arc File Format", 1996.) Here a record's line
becomes the header that a WARC record would have.

URLs in ARC files may hold blanks, and types parameters, so a line is told by its address, its date
and its length.
"""

import re

MAX_LINE_BYTES = 1 << 13

_ADDRESS = rb"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]{2,45}|-)"
RECORD_START = re.compile(
    rb"([a-z][a-z0-9+.-]{1,16}:[^\r\n]{1,6000}?) ("
    + _ADDRESS
    + rb") (\d{14})((?: [^\r\n ]{1,512}){0,12})"
    rb" (\d{1,15})[ \t]*\r?\n",
    re.I,
)
"""The line that begins a record; wherever it is looked for, `MAX_LINE_BYTES` must be at hand."""


def header_of(line: re.Match[bytes]) -> dict[str, str]:
    """The header of a WARC record for what `RECORD_START` found."""
    url, date = line[1].decode("utf-8", "replace"), line[3].decode()
    day, time = f"{date[:4]}-{date[4:6]}-{date[6:8]}", f"{date[8:10]}:{date[10:12]}:{date[12:]}"
    is_page = url.lower().startswith(("http:", "https:"))
    mime = line[4].split(b" ")[1:2]
    return {
        "warc-type": "response" if is_page else "metadata",
        "warc-target-uri": url,
        "warc-date": f"{day}T{time}Z",
        "warc-identified-payload-type": b"".join(mime).decode("latin-1"),
        "content-type": "application/http; msgtype=response",
        "content-length": line[5].decode(),
    }
