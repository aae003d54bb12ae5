"""What a user may set about reading repositories."""

from pydantic import Field

from stages.contract import Options

MIB = 1 << 20


class GithubOptions(Options):
    """Limits that keep a hostile repository from filling memory, disk or time."""

    max_file_bytes: int = Field(
        16 * MIB, gt=0, description="larger files are skipped as `too_large`"
    )
    max_archive_bytes: int = Field(
        8 << 30,
        gt=0,
        description="bytes one repository may expand to; what follows is quarantined as `limit`",
    )
    max_files: int = Field(
        1_000_000,
        gt=0,
        description="files one repository may hold; what follows is quarantined as `limit`",
    )
    git_seconds: float = Field(
        30.0,
        gt=0,
        description="seconds git may take over one answer; then the rest of the repository is "
        "quarantined as `timeout`",
    )
