"""`sluice`: runs, plans, applies, looks into runs.

Exit codes: 0 done; 1 a stage failed or something is not there; 2 wrong usage or configuration.
What a command needs is imported inside it, so that `--help` answers at once.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.ablation.command import ablate
from pipeline.cli.apply import apply
from pipeline.cli.browse import browse
from pipeline.cli.config import config, init
from pipeline.cli.crawl.command import crawl
from pipeline.cli.dedup import dedup
from pipeline.cli.language import language
from pipeline.cli.query import sql
from pipeline.cli.recall.command import recall
from pipeline.cli.removal import remove
from pipeline.cli.report import report
from pipeline.cli.sampling import sample
from pipeline.cli.shell import completion
from pipeline.cli.shell.arguments import require_text
from pipeline.cli.shell.ending import ending, resumable
from pipeline.cli.shell.group import Commands
from pipeline.cli.shell.streams import occupy_standard_streams
from pipeline.cli.tokenizer import tokenizer
from pipeline.engine.kernel_cache import ensure_kernel_cache
from stages.errors import ConfigError

app = typer.Typer(
    name="sluice",
    cls=Commands,
    help="Training corpora for code and math models, from GitHub dumps and Common Crawl.",
    epilog="Start with: sluice run configs/demo.toml · sluice stats runs/demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.add_typer(recall, name="recall")
app.add_typer(crawl, name="crawl")
app.add_typer(language, name="language")
app.add_typer(tokenizer, name="tokenizer")
app.add_typer(dedup, name="dedup")
app.add_typer(ablate, name="ablate")
app.add_typer(config, name="config")

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")]
RunOption = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", help="Run folder, instead of runs/ and CONFIG's stem."),
]
StageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="Run what this stage needs and nothing after it: web.dedup, github.rules.measure, "
        "emit. May be repeated.",
        autocompletion=completion.stages,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting, such as web.dedup.threshold=0.8. May be repeated.",
        autocompletion=completion.settings,
    ),
]
PruneOption = Annotated[
    bool,
    typer.Option(
        "--prune-inputs",
        help="Take the documents of inputs that the configuration names no longer out of the run.",
    ),
]
PRUNE = ("github.prune_inputs=true", "web.prune_inputs=true")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Entry point of the `sluice` command."""
    occupy_standard_streams()
    with ending():
        ensure_kernel_cache()
        app(prog_name="sluice")


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        print(f"sluice {version('sluice')}")
    except PackageNotFoundError:
        print("sluice, from a checkout that is not installed")
    raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """What stands before a command."""


app.command(epilog="Example: sluice init github -o mine.toml")(init)


@app.command(epilog="Example: sluice run configs/demo.toml --stage web.dedup --workers 8")
def run(
    config: ConfigFile,
    run: RunOption = None,
    stage: StageOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tasks at once. Default: one per core.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="auto|local|ray://…",
            help="auto: the running Ray cluster; local: this process, no Ray. Default: "
            "RAY_ADDRESS if set, else a private Ray on this machine.",
        ),
    ] = None,
    set_: SetOption = None,
    prune_inputs: PruneOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print a line for every step of every stage.")
    ] = False,
    progress: Annotated[
        Literal["auto", "json"],
        typer.Option(
            help="On standard error. auto: a table on a terminal, else lines; json: an event a "
            "line, as in RUN/log.jsonl."
        ),
    ] = "auto",
) -> None:
    """Run what is missing or stale, in order, and print what was kept.

    An interrupted run goes on where it stopped when the same command is given again.
    """
    from pipeline.cli import commands  # noqa: PLC0415

    with resumable():
        overrides = [*(set_ or []), *(PRUNE if prune_inputs else ())]
        commands.run(
            config,
            run,
            stage or [],
            workers,
            address,
            overrides,
            verbose=verbose,
            progress=progress,
        )


@app.command(epilog="Example: sluice plan configs/demo.toml --set dedup.threshold=0.8")
def plan(
    config: ConfigFile,
    run: RunOption = None,
    stage: StageOption = None,
    set_: SetOption = None,
    prune_inputs: PruneOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="A line for every step, not for every stage.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what `run` would do and why. Runs nothing, writes nothing."""
    from pipeline.cli import commands  # noqa: PLC0415

    overrides = [*(set_ or []), *(PRUNE if prune_inputs else ())]
    commands.plan(config, run, stage or [], overrides, as_json=as_json, verbose=verbose)


app.command(
    epilog="Examples: sluice apply rules files.parquet -o judged.parquet --set max_line_length=500"
    " · sluice apply dedup pages.jsonl -o kept.jsonl --with-input --kept-only"
)(apply)


@app.command(epilog="Example: sluice extract https://docs.python.org/3/ --blocks")
def extract(
    page: Annotated[
        str, typer.Argument(metavar="FILE|URL", help="A file of HTML, an address, or - for stdin.")
    ],
    blocks: Annotated[
        bool, typer.Option("--blocks", help="A row for every block: whether it is kept, and why.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="What was dropped, beside all that the page shows.")
    ] = False,
) -> None:
    """Show what extraction makes of one page: its text, what was dropped, and why.

    The text goes to standard output, a line about the page to standard error.
    """
    from pipeline.cli.page import extract as extract_page  # noqa: PLC0415

    if blocks and diff:
        raise ConfigError("--blocks and --diff exclude each other")
    require_text(page, "FILE|URL")
    extract_page(page, blocks=blocks, diff=diff)


@app.command(
    epilog="Examples: sluice stats runs/demo · sluice stats runs/demo github.rules --by path"
)
def stats(
    run: RunFolder,
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="STAGE",
            help="Such as github.rules or web.dedup.",
            autocompletion=completion.stages,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Group by any column of the corpus; tables without documents by their own.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many documents each stage kept, and why it dropped the others."""
    from pipeline.cli import commands  # noqa: PLC0415

    commands.stats(run, stage, by, as_json=as_json)


@app.command(
    epilog="Example: sluice show runs/demo pypi/rich@15.0.0:rich/console.py --diff",
)
def show(
    run: RunFolder,
    document: Annotated[
        str,
        typer.Argument(metavar="DOC_ID|URI", help="A doc_id or its first digits, a uri, or a URL."),
    ],
    diff: Annotated[
        bool, typer.Option("--diff", help="Compare the text with the kept twin's.")
    ] = False,
    color: Annotated[
        Literal["auto", "always", "never"],
        typer.Option(help="Whether code is in colours; auto: on a terminal."),
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Tell one document's life: its origin, every verdict and measure, its twin, its shard."""
    from pipeline.cli import commands  # noqa: PLC0415

    commands.show(run, document, diff=diff, color=color, as_json=as_json)


app.command(
    epilog="Example: sluice sql runs/demo 'select reason, count(*) from github.rules group by all'"
)(sql)
app.command(epilog="Example: sluice browse runs/demo --author ada --seed 7")(browse)
app.command(epilog="Example: sluice sample runs/demo code-web -n 3 --where \"split = 'heldout'\"")(
    sample
)


app.command(
    epilog="Examples: sluice report runs/demo · sluice report runs/demo --compare runs/other"
)(report)


@app.command(epilog="Example: sluice verify runs/demo")
def verify(run: RunFolder) -> None:
    """Check a run: every hash, count, schema and invariant."""
    from pipeline.cli import commands  # noqa: PLC0415

    commands.verify(run)


app.command(
    epilog="Examples: sluice remove runs/demo --repo pypi/rich · sluice remove runs/demo --uri "
    "@opt-outs.txt --purge"
)(remove)


@app.command(epilog="Example: sluice export runs/demo --to megatron -o exported --set code")
def export(
    run: RunFolder,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="megatron|mds|litdata|jsonl",
            help="Megatron-LM's indexed dataset (.bin, .idx), MosaicML's streaming shards, "
            "LitData's chunks of tokens, or JSON Lines with the text.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="A new or an empty folder.")
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SHARDSET", help="Such as code. May be repeated. Default: all."
        ),
    ] = None,
    append_eod: Annotated[
        bool,
        typer.Option(
            "--append-eod",
            help="End every document with the tokenizer's end-of-text token, unless it ends with "
            "it already (not for jsonl).",
        ),
    ] = False,
    mixture: Annotated[
        bool,
        typer.Option("--mixture", help="Of the train splits, only what `emit.mixture` draws."),
    ] = False,
) -> None:
    """Write the shards as other trainers read them: DIR/SET/train and DIR/SET/heldout."""
    from pipeline.cli.export_printing import export as export_shards  # noqa: PLC0415

    export_shards(run, to, out, set_ or [], append_eod=append_eod, mixture=mixture)
