"""`sluice config` and `sluice init`: what can be configured, and a first configuration."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from stages.errors import ConfigError

config = typer.Typer(no_args_is_help=True, help="Say what can be configured.")


@config.callback()
def _group() -> None:
    """Keep `schema` a command of its own while it is the only one."""


@config.command(epilog="Example: sluice config schema > sluice.schema.json")
def schema() -> None:
    """Print the JSON schema of a configuration, by which editors check and complete TOML.

    With taplo (Even Better TOML), a file names it in its first line: #:schema ./sluice.schema.json
    """
    from pipeline.cli.json_text import print_json  # noqa: PLC0415
    from pipeline.configuration.json_schema import json_schema  # noqa: PLC0415

    print_json(json_schema())


def init(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="github|commoncrawl|both",
            help="What it reads.",
            autocompletion=lambda: ["github", "commoncrawl", "both"],
        ),
    ] = "both",
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The file; none is overwritten.")
    ] = Path("sluice.toml"),
) -> None:
    """Write a short commented configuration to fill in."""
    from pipeline.cli.shell.arguments import require_one_of  # noqa: PLC0415
    from pipeline.configuration.registry import CONFIGURED, GITHUB, WEB  # noqa: PLC0415
    from pipeline.configuration.starter import starter  # noqa: PLC0415

    corpora = {"github": (GITHUB,), "commoncrawl": (WEB,), "both": CONFIGURED}
    require_one_of(
        kind,
        corpora,
        "KIND",
        f"; a file is named with -o: {shlex.join(['sluice', 'init', '-o', kind])}",
    )
    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(starter(corpora[kind]))
    except FileExistsError as error:
        raise ConfigError(f"{out} exists; choose another name with -o") from error
    except OSError as error:
        raise ConfigError(f"{out}: {error.strerror or error}") from error
    print(f"{out}: fill in `inputs`, then: {shlex.join(['sluice', 'plan', str(out)])}")
