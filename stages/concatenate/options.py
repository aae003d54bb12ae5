"""Options of the stage that joins files to repository-level samples."""

from typing import Literal

from pydantic import Field

from stages.contract import Options


class ConcatenateOptions(Options):
    """How files of a repository become training samples."""

    order: Literal["random", "dependency", "none"] = Field(
        "random",
        description="random: files of a repository follow one another in a random order; "
        "dependency: what a file imports of its repository comes before it, as far as there is "
        "no cycle (DeepSeek-Coder's order); none: every file is a sample of its own",
    )
    max_sample_bytes: int = Field(
        1 << 20,
        gt=0,
        description="a sample ends before the file that would take its text above this; "
        "a longer file is a sample of its own",
    )
    seed: int = Field(0, ge=0, description="draws the random order, and breaks ties of the other")
