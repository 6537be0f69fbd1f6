"""From an option table to a typer command, so that no option is ever declared twice."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..options.fields import OptionField, option_fields


@dataclass(frozen=True)
class Command:
    """One sub-command: its option table and the name of the workflow that does the work.

    A name of two words, "archive index", puts the command into a group: ``sarloom archive index``.
    ``example`` is a command line a reader can copy; the help and the docs page both show it.
    ``notes`` is a paragraph for the docs page alone.
    """

    name: str
    table: type
    workflow: str
    summary: str
    example: str
    notes: str = ""

    @property
    def group(self) -> str:
        """The first of two words, empty for a command that stands alone."""
        return self.name.rpartition(" ")[0]

    @property
    def word(self) -> str:
        """What is typed to choose this command within its group."""
        return self.name.rpartition(" ")[2]

    @property
    def page(self) -> str:
        """File name of its docs page."""
        return f"{self.name.replace(' ', '-')}.md"


def command_function(command: Command, run: Callable[[Any], None]) -> Callable[..., None]:
    """A function that typer can register: one annotated parameter per field of the table.

    Parameters
    ----------
    command : Command
        What to build.
    run : callable
        Called with a filled option table.
    """
    fields = option_fields(command.table)

    def call(**values: Any) -> None:
        for field in fields:
            value = values[field.name]
            if field.many and not field.count:
                # typer hands over None or an empty list for a repeated flag never given
                values[field.name] = tuple(value) if value else field.default or ()
        run(command.table(**values))

    parameters = [_parameter(field) for field in fields]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    call.__name__ = command.word
    call.__doc__ = f"{command.summary}\n\nExample: {command.example}"
    return call


def _parameter(field: OptionField) -> inspect.Parameter:
    kind: Any = field.kind
    if field.count:
        kind = types.GenericAlias(tuple, (kind,) * field.count)
    elif field.many:
        kind = list[kind]
    if field.optional or (field.many and not field.count):
        kind = kind | None
    default = inspect.Parameter.empty if field.required else field.default
    if field.many and not field.count and not field.required:
        default = list(field.default) or None
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, _declared(field)],
    )


def _declared(field: OptionField) -> Any:
    """The typer declaration. Ranges and choices are left to the table, which checks them itself:
    the message is then the same from Python, TOML and the command line."""
    shared: dict[str, Any] = {"help": help_text(field), "show_default": False}
    if field.argument:
        return typer.Argument(metavar=field.flag, **shared)
    if field.kind is bool:
        off = f"/--no-{field.flag.removeprefix('--')}" if field.default is True else ""
        names = [field.flag + off]
    else:
        names = [field.flag]
        shared["metavar"] = field.placeholder
    if field.short:
        names.append(field.short)
    if field.group:
        shared["rich_help_panel"] = field.group
    return typer.Option(*names, **shared)


def help_text(field: OptionField) -> str:
    """The help of one option with its default and range in brackets."""
    notes = [field.default_text and f"default: {field.default_text}", field.range_text]
    if field.required and not field.argument:
        notes.insert(0, "required")
    noted = "; ".join(note for note in notes if note)
    return f"{field.help} [{noted}]" if noted else field.help
