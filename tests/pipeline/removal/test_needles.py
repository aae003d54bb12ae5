"""All needles are found at every place, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.removal.needles import ADDRESS, IDENTITY, TEXT, Haystack, needle

WORDS = st.binary(min_size=8, max_size=300)


@given(st.lists(WORDS, min_size=1, max_size=8), st.lists(st.binary(max_size=40)), st.data())
def test_every_occurrence_is_found(
    wholes: list[bytes], between: list[bytes], data: st.DataObject
) -> None:
    """As `bytes.find` finds them, needles longer than a window included."""
    kinds = [TEXT if len(whole) >= 64 else ADDRESS for whole in wholes]
    needles = [needle(kind, b"", whole) for kind, whole in zip(kinds, wholes, strict=True)]
    hay = b"".join(
        part + data.draw(st.sampled_from(wholes)) + part[::-1] for part in (*between, b"", b"x")
    )
    expected = {
        (at, whole)
        for whole in wholes
        for at in range(len(hay))
        if hay[at : at + len(whole)] == whole
    }
    found = {
        (at, hay[at : at + one.n_bytes])
        for at, one in Haystack([one for one in needles if one is not None]).find(hay)
    }
    assert found == expected


def test_what_is_too_short_is_no_evidence() -> None:
    """A text of a few letters is anybody's; an identity is told by its sixteen bytes."""
    assert needle(TEXT, b"", b"{}\n") is None
    assert needle(IDENTITY, b"", bytes(range(16))) is not None


def test_only_a_window_of_a_text_is_kept() -> None:
    """A purge keeps no copy of what it purges."""
    one = needle(TEXT, b"", b"secret " * 1000)
    assert one is not None
    assert len(one.window) == 64
