"""One reading of an option table, shared by the command line, the TOML reader and the docs."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any

KINDS: tuple[type, ...] = (str, int, float, bool, Path)


@dataclasses.dataclass(frozen=True)
class OptionField:
    """One option as every reader of a table needs it.

    ``kind`` is the type of one value; ``many`` says that the table holds a tuple of them, of any
    length or of ``count`` where that is not 0; ``optional`` that None is allowed.
    """

    name: str
    kind: type
    many: bool
    count: int
    optional: bool
    required: bool
    default: Any
    help: str
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    argument: bool
    short: str
    metavar: str
    group: str

    @property
    def flag(self) -> str:
        """The long flag, or the name in capitals for a positional argument."""
        if self.argument:
            return self.metavar or self.name.upper()
        return "--" + self.name.replace("_", "-")

    @property
    def placeholder(self) -> str:
        """What stands for the value in help: the choices, or a word for its type."""
        words = {str: "TEXT", int: "N", float: "X", Path: "PATH", bool: ""}
        word = self.metavar or "|".join(self.choices) or words[self.kind]
        return " ".join([word] * self.count) if self.count and not self.metavar else word

    @property
    def default_text(self) -> str:
        """The default as help shows it; empty for None, empty text and switches."""
        if self.required or self.kind is bool or self.default in (None, "", ()):
            return ""
        if self.many:
            return " ".join(str(item) for item in self.default)
        return f"{self.default:g}" if self.kind is float else str(self.default)

    @property
    def range_text(self) -> str:
        """The allowed range in words, empty when any value goes."""
        if self.minimum is not None and self.maximum is not None:
            return f"{_short(self.minimum)} to {_short(self.maximum)}"
        if self.minimum is not None:
            return f"at least {_short(self.minimum)}"
        if self.maximum is not None:
            return f"at most {_short(self.maximum)}"
        return ""


def _short(bound: float) -> str:
    """A bound without needless digits; whole powers of two beyond a million as 2^n."""
    if bound == int(bound) and abs(bound) >= 2**20 and int(bound) & (int(bound) - 1) == 0:
        return f"2^{int(bound).bit_length() - 1}"
    return f"{bound:g}"


def option_fields(table: type) -> list[OptionField]:
    """Read the fields of an option table, in the order they are declared.

    Raises
    ------
    TypeError
        If a field has a type that cannot be written on a command line; a mistake in the table,
        not of the user.
    """
    hints = typing.get_type_hints(table)
    found = []
    for field in dataclasses.fields(table):
        if "help" not in field.metadata:
            continue
        kind, many, count, optional = _read_type(table, field.name, hints[field.name])
        required = field.default is dataclasses.MISSING
        default = None if required else field.default
        found.append(
            OptionField(
                field.name, kind, many, count, optional, required, default, **dict(field.metadata)
            )
        )
    return found


def _read_type(table: type, name: str, hint: Any) -> tuple[type, bool, int, bool]:
    """Split ``tuple[int, ...] | None`` into (int, many, count, optional).

    ``tuple[float, float]`` is a pair given behind one flag: its count is 2.
    """
    optional = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        optional = len(rest) < len(typing.get_args(hint))
        hint = rest[0] if len(rest) == 1 else hint
    many, count = False, 0
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            hint, many = arguments[0], True
        elif len(set(arguments)) == 1:
            hint, many, count = arguments[0], True, len(arguments)
    if hint not in KINDS:
        raise TypeError(f"{table.__name__}.{name}: no command-line form for the type {hint!r}")
    return hint, many, count, optional
