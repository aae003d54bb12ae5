"""Tags, attributes and comments, read from the bytes (HTML standard, section 13.2.5)."""

from stages.kernels.compiling import int64, kernel
from stages.web.tree.characters import append_points, read_reference
from stages.web.tree.names import look_up
from stages.web.tree.state import (
    KEY,
    MOST_ATTRIBUTES,
    N_ATTRIBUTES,
    N_PLACES,
    N_TEXT,
    NAME,
    NAME_END,
    VALUE,
    VALUE_END,
    Build,
)

MAX_ATTRIBUTES = 64
"""Of one element; further ones are passed over."""


@kernel
def is_space(byte: int) -> bool:
    """Whether a byte is what HTML calls ASCII whitespace."""
    return byte == 0x20 or (0x09 <= byte <= 0x0D and byte != 0x0B)


@kernel
def is_letter(byte: int) -> bool:
    """Whether a byte is an ASCII letter."""
    return 0x61 <= byte | 0x20 <= 0x7A


@kernel
def ends_name(byte: int) -> bool:
    """Whether a tag's name ends before a byte."""
    return byte == 0x2F or byte == 0x3E or is_space(byte)


@kernel
def name_end(b: Build, position: int) -> int:
    """Where the name of a tag ends."""
    while position < b.n and not ends_name(b.html[position]):
        position += 1
    return position


@kernel
def tag_end(b: Build, position: int) -> int:
    """Behind the next `>`."""
    while position < b.n and b.html[position] != 0x3E:
        position += 1
    return position + 1


@kernel
def skip_spaces(b: Build, position: int) -> int:
    """The first byte that is no space."""
    while position < b.n and is_space(b.html[position]):
        position += 1
    return position


@kernel
def begins_markup(byte: int) -> bool:
    """Whether a `<` before a byte is more than text."""
    return byte == 0x2F or byte == 0x21 or byte == 0x3F or is_letter(byte)


@kernel
def read_attributes(b: Build, start: int, keep: bool) -> tuple[int, bool]:
    """Behind the attributes and `>` of a start tag whose name ends at `start`, and whether it ends
    in `/>`; attributes are kept if `keep`."""
    html, n = b.html, b.n
    position = start
    room = b.counts[MOST_ATTRIBUTES] - b.counts[N_ATTRIBUTES] if keep else 0
    if room > MAX_ATTRIBUTES:
        room = MAX_ATTRIBUTES
    while True:
        slash = False
        while position < n and (html[position] == 0x2F or is_space(html[position])):
            slash = html[position] == 0x2F
            position += 1
        if position >= n:
            return n, False
        if html[position] == 0x3E:
            return position + 1, slash
        begin = position
        position += 1  # a first `=` belongs to the name
        while position < n and html[position] != 0x3D and not ends_name(html[position]):
            position += 1
        stop = position
        position = skip_spaces(b, position)
        value = value_end = stop
        if position < n and html[position] == 0x3D:
            value = skip_spaces(b, position + 1)
            position = value
            quote = html[value] if value < n else 0
            if quote == 0x22 or quote == 0x27:
                value += 1
                position = value
                while position < n and html[position] != quote:
                    position += 1
                value_end = position
                position += 1
            else:
                while position < n and html[position] != 0x3E and not is_space(html[position]):
                    position += 1
                value_end = position
        if room > 0:
            room -= 1
            row = N_PLACES * b.counts[N_ATTRIBUTES]
            b.counts[N_ATTRIBUTES] += 1
            b.attributes[row + KEY] = look_up(html, begin, stop, b.keys, b.n < 0)
            b.attributes[row + NAME], b.attributes[row + NAME_END] = begin, stop
            b.attributes[row + VALUE], b.attributes[row + VALUE_END] = value, value_end


@kernel
def skip_attributes(b: Build, start: int) -> int:
    """Behind the `>` of an end tag whose name ends at `start`."""
    html, n = b.html, b.n
    position = start
    in_name = False
    while position < n:
        byte = html[position]
        position += 1
        if byte == 0x3E:
            return position
        if byte == 0x3D and in_name:
            position = skip_spaces(b, position)
            quote = html[position] if position < n else 0
            if quote == 0x22 or quote == 0x27:
                position += 1
                while position < n and html[position] != quote:
                    position += 1
                position += 1
            in_name = False
        elif byte == 0x2F or is_space(byte):
            in_name = in_name and byte != 0x2F
        else:
            in_name = True
    return n


@kernel
def skip_declaration(b: Build, start: int) -> int:
    """Behind `<!…>` or `<?…>`: comments, doctypes, processing instructions."""
    html, n = b.html, b.n
    position = start + 2
    if (
        position + 1 < n
        and html[position - 1] == 0x21
        and html[position] == 0x2D
        and html[position + 1] == 0x2D
    ):
        return _skip_comment(b, position + 2)
    return tag_end(b, position)


@kernel
def _skip_comment(b: Build, start: int) -> int:
    html, n = b.html, b.n
    if start < n and html[start] == 0x3E:
        return start + 1
    if start + 1 < n and html[start] == 0x2D and html[start + 1] == 0x3E:
        return start + 2
    position = start
    while position + 2 < n:
        if html[position] == 0x2D and html[position + 1] == 0x2D:
            if html[position + 2] == 0x3E:
                return position + 3
            if html[position + 2] == 0x21 and position + 3 < n and html[position + 3] == 0x3E:
                return position + 4
        position += 1
    return n


@kernel
def cdata_start(b: Build, start: int) -> int:
    """Where the text of the CDATA section at `start` begins, 0 if there is none."""
    if start + 9 > b.n:
        return 0
    word = int64(0)
    for position in range(start + 2, start + 9):
        word = word << 8 | b.html[position]
    return start + 9 if word == 0x5B43444154415B else 0


@kernel
def cdata_end(b: Build, start: int) -> int:
    """Where the text of a CDATA section ends."""
    position = start
    while position + 2 < b.n:
        if (
            b.html[position] == 0x5D
            and b.html[position + 1] == 0x5D
            and b.html[position + 2] == 0x3E
        ):
            return position
        position += 1
    return b.n


@kernel
def text_end(b: Build, start: int) -> tuple[int, bool]:
    """Where the text from `start` on (not itself examined) ends, and whether it is blank."""
    html, n = b.html, b.n
    position = start + 1
    blank = is_space(html[start])
    while position < n:
        byte = html[position]
        if byte == 0x3C and position + 1 < n and begins_markup(html[position + 1]):
            break
        blank = blank and is_space(byte)
        position += 1
    return position, blank


@kernel
def raw_text_end(b: Build, start: int, name_start: int, name_stop: int) -> int:
    """Where a raw-text element's own end tag begins, named as html[name_start:name_stop] is."""
    html, n = b.html, b.n
    length = name_stop - name_start
    for position in range(start, n - length - 1):
        if html[position] != 0x3C or html[position + 1] != 0x2F:
            continue
        index = 0
        while (
            index < length and html[position + 2 + index] | 0x20 == html[name_start + index] | 0x20
        ):
            index += 1
        after = position + 2 + length
        if index == length and (after == n or ends_name(html[after])):
            return position
    return n


@kernel
def skip_line_end(b: Build, start: int, stop: int) -> int:
    """Behind the line end at `start`, if there is one."""
    if start < stop and b.html[start] == 0x0D:
        start += 1
    if start < stop and b.html[start] == 0x0A:
        start += 1
    return start


@kernel
def copy_text(b: Build, start: int, stop: int, decode: bool) -> int:
    """Append html[start:stop] to the text, line ends as \n, without NUL; returns the new length."""
    html, text = b.html, b.text
    position = start
    length = b.counts[N_TEXT]
    while position < stop:
        byte = int64(html[position])
        if byte == 0x26 and decode:
            after, points = read_reference(html, b.n, position, b.references)
            if after > position:
                length = append_points(text, length, points)
                position = after
                continue
        elif byte == 0x0D:
            byte = 0x0A
            if position + 1 < stop and html[position + 1] == 0x0A:
                position += 1
        if byte != 0:
            text[length] = byte
            length += 1
        position += 1
    return length
