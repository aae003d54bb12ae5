"""What can be chosen about the filtering rules; the defaults are the paper's."""

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.language_names import require_languages
from schemas.licenses import require_licenses
from schemas.rules import Origin
from stages.contract import Options


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    require_languages(names)
    return names


def _licenses(names: tuple[str, ...]) -> tuple[str, ...]:
    require_licenses(names)
    return names


Languages = Annotated[tuple[str, ...], AfterValidator(_known)]
"""Names of languages, each checked."""


class RulesOptions(Options):
    """Thresholds of DeepSeek-Coder section 2.1, which DeepSeek-Coder-V2 section 2 repeats.

    A document on a threshold is kept.
    """

    max_average_line_length: float = Field(
        100, ge=0, description="drop files whose lines are longer on average, in characters"
    )
    max_line_length: int = Field(
        1000, ge=0, description="drop files with a longer line, in characters"
    )
    min_alphabetic_share: float = Field(
        0.25, ge=0, le=1, description="drop files with a smaller share of alphabetic characters"
    )
    xml_declaration_allowed: Languages = Field(
        ("XSLT",),
        description="languages that may have `<?xml version=` in the first 100 characters",
    )
    html_languages: Languages = Field(
        ("HTML",),
        description="languages whose visible text is measured and judged; template languages are "
        "not among them, because directives would count as text",
    )
    min_visible_share: float = Field(
        0.20, ge=0, le=1, description="drop HTML whose visible text is a smaller share of the code"
    )
    min_visible_characters: int = Field(
        100, ge=0, description="drop HTML with less visible text, in characters"
    )
    min_json_yaml_characters: int = Field(
        50, ge=0, description="drop JSON and YAML files with fewer characters"
    )
    max_json_yaml_characters: int = Field(
        5000, ge=0, description="drop JSON and YAML files with more characters"
    )
    also_keep: Languages = Field(
        ("YAML",), description="languages outside the 338 that count as supported"
    )
    drop_origins: tuple[Origin, ...] = Field(
        ("vendored", "generated"),
        description="origins whose files are dropped: copies of other projects, what programs "
        "wrote, tests and their data",
    )
    license_allowed: Annotated[tuple[str, ...], AfterValidator(_licenses)] = Field(
        (),
        description="classes (permissive, copyleft, non-free, none) and SPDX identifiers that "
        "suffice for a file's licence, of which `OR` needs one part and `AND` all; nothing: any",
    )
    code_rules_for_markdown: bool = Field(
        False, description="judge Markdown and issues by the rules for code, not by `empty` alone"
    )
