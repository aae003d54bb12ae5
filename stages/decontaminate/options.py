"""What can be chosen about decontamination."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from stages.contract import NamesFiles, Options


class DecontaminateOptions(Options):
    """Which benchmarks must not be in the corpus."""

    benchmarks: Annotated[tuple[str, ...], NamesFiles()] = Field(
        (),
        description="folders of JSONL or Parquet files, one file a benchmark set; without any, "
        "every document is kept",
    )

    @field_validator("benchmarks", mode="before")
    @classmethod
    def _one_folder(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value
