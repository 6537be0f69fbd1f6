"""An option table back into the command line that gives it."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any

from .fields import OptionField, option_fields


def command_line(command: str, options: Any, always: Collection[str] = ()) -> str:
    """The shortest command that fills a table with these values.

    Parameters
    ----------
    command : str
        Name of the sub-command, such as ``"generate"``.
    options : option table
        Its values; defaults are left out.
    always : collection of str
        Fields to write even where they hold their default, such as ``"seed"``.
    """
    positional: list[str] = []
    flags: list[str] = []
    for field in option_fields(type(options)):
        value = getattr(options, field.name)
        if value is None:
            continue
        if field.argument:
            positional += [str(item) for item in (value if field.many else (value,))]
        elif value != field.default or field.name in always:
            flags += _flag_words(field, value)
    if any(word.startswith("-") for word in positional):
        return shlex.join(["sarloom", command, *flags, "--", *positional])
    return shlex.join(["sarloom", command, *positional, *flags])


def _flag_words(field: OptionField, value: Any) -> list[str]:
    if field.kind is bool:
        return [field.flag if value else f"--no-{field.flag.removeprefix('--')}"]
    if field.count:
        return [field.flag, *(str(item) for item in value)]
    words: list[str] = []
    for item in value if field.many else (value,):
        text = str(item)
        # joined where the value could be taken for a flag
        words += [f"{field.flag}={text}"] if text.startswith("-") else [field.flag, text]
    return words
