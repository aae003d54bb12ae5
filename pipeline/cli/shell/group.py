"""The command line's group of commands, which says what is wrong with a value in its own words."""

from typing import Any

import typer
from typer.core import TyperGroup

LEAD = "Value error, "
"""What pydantic, by which Typer reads values, begins such a message with."""


class Commands(TyperGroup):
    """Commands, and groups of them at any depth."""

    def invoke(self, ctx: Any) -> Any:
        """Run what was asked for; typer.BadParameter for a value that is none of its option's."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(LEAD)
            raise
