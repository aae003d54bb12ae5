"""Token ids with DeepSeek-V2's tokenizer: ours and Hugging Face tokenizers', the same bytes in one
run, CPU time of one core.

    python benchmarks/bpe.py [FOLDER OF .tar.gz | FILE.parquet] [--megabytes 16]

Ours ends with an Arrow list column, the peer with its lists of Python integers (it offers nothing
flatter). The run stops if a single id differs.
"""

import argparse
import os
import time
from pathlib import Path

import pyarrow as pa
import tokenizers
from corpora import DEFAULT, read_texts

from stages.kernels.bpe import load_tokenizer


def main() -> None:
    """Print MB/s of CPU time for both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--megabytes", type=float, default=16)
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    texts = read_texts(arguments.source, int(arguments.megabytes * 1e6))
    megabytes = sum(len(text.encode()) for text in texts) / 1e6

    ours = load_tokenizer()
    peer = tokenizers.Tokenizer.from_str(ours.tokenizer_json.decode())
    peer.encode_special_tokens = True
    column = pa.array(texts, pa.large_string())
    ours.encode_batch(column.slice(0, 10))

    start = time.process_time()
    encoded = ours.encode_batch(column)
    our_seconds = time.process_time() - start
    start = time.process_time()
    theirs = [peer.encode(text, add_special_tokens=False).ids for text in texts]
    peer_seconds = time.process_time() - start
    if encoded.to_pylist() != theirs:
        raise SystemExit("ids differ")
    n_tokens = len(encoded.values)
    print(f"{len(texts):,} texts, {megabytes:.1f} MB, {n_tokens:,} tokens, equal")
    print(f"sluice      {megabytes / our_seconds:8.2f} MB/s")
    print(f"tokenizers  {megabytes / peer_seconds:8.2f} MB/s")
    print(f"ratio       {peer_seconds / our_seconds:8.2f}")


if __name__ == "__main__":
    main()
