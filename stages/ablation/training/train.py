"""Train a model from a JSON configuration.

    python -m stages.ablation.training.train CONFIG.json [--set optimizer.learning_rate=1e-3 …]
    torchrun --standalone --nproc_per_node=8 -m stages.ablation.training.train CONFIG.json

The fields are those of `configuration.TrainConfig`. A minimal configuration:

    {"output": "runs/old", "preset": "1b", "tokens": 10000000000,
     "tokenizer": "RUN/shards/tokenizer.json",
     "sources": {"code": {"paths": ["RUN/shards/code"], "weight": 0.7},
                 "text": {"paths": ["RUN/shards/text"], "weight": 0.3}}}

With `"shards": "RUN/shards"` in place of tokens, tokenizer and sources the run's own mixture is
trained on (`emit.mixture`), once through what its manifest says is drawn.

The same command again goes on where the run was interrupted, with the same or another number of
ranks. Exit codes: 0 done, 1 failed, 2 a configuration that cannot work.
"""

import argparse
import sys
from collections.abc import Sequence

from stages.ablation.training.configuration import TrainConfig
from stages.ablation.training.loop import OnStep
from stages.ablation.training.parse import read_config
from stages.ablation.training.report import TrainReport
from stages.ablation.training.trainer import Trainer
from stages.errors import ConfigError, SluiceError


def train(config: TrainConfig, on_step: OnStep | None = None) -> TrainReport:
    """Train one model; see Trainer for several of one shape."""
    with Trainer(config) as trainer:
        return trainer.run(config, on_step)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.ablation.training.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", help="JSON file with a TrainConfig's fields")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="overrides",
        help="replace a field, such as steps=200 or sources.code.weight=2",
    )
    chosen = parser.parse_args(arguments)
    try:
        report = train(read_config(chosen.config, chosen.overrides))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except SluiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{report.output}/model: {report.parameters:,} parameters, {report.steps:,} steps, "
        f"{report.tokens:,} tokens, loss {report.loss:.4f}, {report.skipped} steps skipped"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
