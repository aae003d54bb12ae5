"""What can be chosen about language identification."""

from pydantic import Field

from stages.contract import Options


class LanguageOptions(Options):
    """How much of a file is looked at when its name does not settle the language."""

    max_heuristic_bytes: int = Field(
        51_200,
        ge=1,
        description="bytes from the start of a file that content rules read",
    )
