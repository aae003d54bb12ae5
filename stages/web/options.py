"""Options of the web source and of extraction."""

from pydantic import Field

from stages.contract import Options


class WebOptions(Options):
    """How pages are read. The defaults suit Common Crawl."""

    max_record_bytes: int = Field(
        16 << 20,
        gt=0,
        description="records whose block or decoded payload is larger are skipped as too_large",
    )


class ExtractOptions(Options):
    """How `sluice apply extract` reads pages."""

    max_page_bytes: int = Field(
        16 << 20,
        gt=0,
        description="pages with more bytes of HTML are an error of their record",
    )
