"""Whether characters are random: no word, no name, no path of a language anybody writes.

A vocabulary of byte pairs is a table of what texts repeat, so the tokens a byte say how much of a
string was seen before. Random letters and digits of 16 bytes and more have 0.55 and up (the lowest
hundredth of 2,000 drawn from base 62), names in code 0.05 to 0.47. A shorter string has to be
plainer: of random ones of 12 bytes a twentieth lies below 0.58.
"""

from stages.kernels.bpe.tokenizer import load_tokenizer

MIN_BYTES = 12
LONG_BYTES = 16
MIN_TOKENS_PER_BYTE, MIN_TOKENS_PER_BYTE_SHORT = 0.55, 0.6


def is_random(written: bytes) -> bool:
    """Whether a string of 12 bytes or more is random; a shorter one cannot be told."""
    if len(written) < MIN_BYTES or not written.isascii():
        return False
    least = MIN_TOKENS_PER_BYTE if len(written) >= LONG_BYTES else MIN_TOKENS_PER_BYTE_SHORT
    return len(load_tokenizer().encode(written)) >= least * len(written)
