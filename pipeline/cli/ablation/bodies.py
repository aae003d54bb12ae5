"""The bodies of the `sluice ablate` commands."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipeline.ablation.options import AblationOptions, load_options
from pipeline.ablation.variants import FOLDER, Variants, make_variants
from pipeline.ablation.workflow import (
    EVAL,
    evaluate_all,
    require_torch,
    sides_of,
    train_all,
    train_each,
    trainings,
)
from pipeline.cli.ablation.printing import (
    ProgressLines,
    as_json,
    counts_table,
    markdown,
    write_table,
)
from pipeline.cli.json_text import print_json
from pipeline.cli.progress.monitor import ProgressMonitor
from stages.ablation.evaluation.results import compare_sides, find_evaluations, read_side
from stages.errors import StageError, StorageError

TABLE = "table"
"""With what is compared behind it, unless that is `rules` and `full`."""


def emit(
    run: Path, address: str | None, workers: int | None, overrides: Sequence[str], *, json: bool
) -> None:
    """Make the variants, and say what they hold."""
    made = _variants(run, address, workers, load_options(overrides))
    if json:
        found = [{"counts": one.counts, "fingerprints": one.fingerprints} for one in made]
        print_json(found if len(found) > 1 else found[0])
    else:
        print("\n\n".join(counts_table(one.counts) for one in made))


def ablate(
    run: Path,
    benchmarks: Path | None,
    address: str | None,
    workers: int | None,
    overrides: Sequence[str],
    *,
    json: bool,
) -> None:
    """The whole ablation."""
    require_torch()

    options = load_options(overrides)
    made = _variants(run, address, workers, options)
    for variants in made:
        print(counts_table(variants.counts), file=sys.stderr)
    sides = sides_of(made, options)
    planned = list(trainings(sides, options))
    watcher = ProgressLines()
    train_all(planned, watcher)
    evaluate_all(planned, made[0], benchmarks, watcher)
    results = compare_sides(
        *(read_side([one.folder / EVAL for one in planned if one.side is side]) for side in sides)
    )
    compared = ["against"] if options.against else options.sets
    write_table(run / FOLDER / "-".join([TABLE, *compared]), results)
    if json:
        counts = [row for variants in made for row in variants.counts]
        print_json({"counts": counts, **as_json(results)})
    else:
        print(f"\n{markdown(results)}")


def train(configs: Sequence[Path], overrides: Sequence[str]) -> None:
    """Train models in this process; torchrun starts the trainer itself on many GPUs."""
    require_torch()
    from stages.ablation.training.parse import read_config  # noqa: PLC0415

    for report in train_each([read_config(config, overrides) for config in configs]):
        print(
            f"{report.output}/model: {report.parameters:,} parameters, {report.tokens:,} tokens, "
            f"loss {report.loss:.4f}, {report.skipped} steps skipped"
        )


def evaluate(
    model: Path,
    heldout: Path,
    out: Path,
    benchmarks: Path | None,
    name: str | None,
    context: int | None,
    stride: int | None,
    device: str,
    *,
    json: bool,
) -> None:
    """Evaluate one model."""
    require_torch()
    from stages.ablation.evaluation.evaluate import Evaluation, evaluate  # noqa: PLC0415

    wanted = Evaluation(model, heldout, benchmarks, name, context, stride, device)
    found = evaluate(wanted, out, ProgressLines().progress)
    if json:
        print_json(found)
        return
    held = found["heldout"]
    print(
        f"{out}: {held['bits_per_byte']:.4f} bits per byte over {held['documents']:,} documents, "
        f"{held['bytes']:,} bytes"
    )
    for rate in found["benchmarks"] or ():
        passed = "not run" if rate["pass_at_1"] is None else f"{rate['pass_at_1']:.3f}"
        why = f" ({rate['not_run']})" if rate["not_run"] else ""
        print(f"  {rate['name']}: {passed}{why}")


def table(a: Path, b: Path, n_resamples: int, seed: int, *, json: bool) -> None:
    """Compare two corpora."""
    sides = [read_side(find_evaluations(folder)) for folder in (a, b)]
    results = compare_sides(*sides, n_resamples=n_resamples, seed=seed)
    if json:
        print_json(as_json(results))
    else:
        print(markdown(results))


def _variants(
    run: Path, address: str | None, workers: int | None, options: AblationOptions
) -> list[Variants]:
    """Of the run and, if it is compared with another, of that one beside it."""

    def make(run: Path, beside: Variants | None = None) -> Variants:
        with ProgressMonitor(Console(stderr=True), run) as monitor:
            return make_variants(
                run, options, beside=beside, address=address, workers=workers, monitor=monitor
            )

    try:
        first = make(run)
        return [first, make(Path(options.against), first)] if options.against else [first]
    except (StageError, StorageError) as error:
        again = shlex.join(["sluice", *sys.argv[1:]])
        raise type(error)(f"{error}\nTo go on after mending the cause: {again}") from error
