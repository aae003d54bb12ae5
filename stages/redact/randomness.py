"""Whether characters are random: no word, no name, no path of a language anybody writes.

A vocabulary of byte pairs is a table of what texts repeat, so the tokens a byte say how much of a
string was seen before. Random letters and digits of 16 bytes and more have 0.55 and up (the lowest
hundredth of 2,000 drawn from base 62), names in code 0.05 to 0.47.
"""

from stages.kernels.bpe.tokenizer import load_tokenizer

MIN_BYTES = 16
MIN_TOKENS_PER_BYTE = 0.55


def is_random(written: bytes) -> bool:
    """Whether a string of 16 bytes or more is random; a shorter one cannot be told."""
    if len(written) < MIN_BYTES or not written.isascii():
        return False
    return len(load_tokenizer().encode(written)) >= MIN_TOKENS_PER_BYTE * len(written)
