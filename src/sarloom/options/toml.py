"""Option tables read from TOML: recipes that inherit from one another and are checked by key.

::

    # recipes/quick.toml
    extends = "embedded.toml"
    scenes = 200

Every key is the name of a field; a wrong one is an error that names the nearest right one.
``--set key=value`` on the command line wins over the file, the file over what it extends.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from ..errors import FormatError, InputError
from .fields import OptionField, option_fields
from .table import check

Table = TypeVar("Table")
PACKAGE = Path(__file__).resolve().parents[1]
RECIPES = (PACKAGE / "recipes", PACKAGE.parents[1] / "recipes")
"""Of an installed package, and of a working copy."""
NAMES = {Path: "path", str: "string", int: "whole number", float: "number", bool: "true or false"}


def load_table(cls: type[Table], path: Path, overrides: Iterable[str] = ()) -> Table:
    """Read an option table from a TOML file.

    Parameters
    ----------
    cls : type
        The option table (a dataclass whose fields are made by ``option``).
    path : Path
        The TOML file. ``extends = "other.toml"`` in it is a file beside it, else a recipe that
        ships with the package.
    overrides : iterable of str
        ``key=value`` strings; the value is read as TOML, or as a bare string.

    Raises
    ------
    InputError
        For a missing file, an unknown key, a missing required key, a value of the wrong type or
        outside its range.
    FormatError
        If the file is not TOML or extends itself.
    """
    fields = {field.name: field for field in option_fields(cls)}
    values = _read(path, fields, ())
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"--set {override!r} is not of the form key=value")
        values[key] = _typed(_known(key, fields, "--set"), _parse_value(text), "--set")
    missing = [name for name, field in fields.items() if field.required and name not in values]
    if missing:
        raise InputError(f"{path} does not set: {', '.join(missing)}")
    table = cls(**values)
    check(table)
    return table


def find_recipe(path: Path) -> Path:
    """The recipe that a user names: a file, or one that ships with the package, without ending.

    Raises
    ------
    InputError
        If there is neither; with the nearest names.
    """
    if path.is_file() or len(path.parts) > 1 or path.is_absolute():
        return path  # whether it can be read is said by ``load_table``
    for folder in RECIPES:
        for shipped in (folder / path.name, folder / f"{path.name}.toml"):
            if shipped.suffix == ".toml" and shipped.is_file():
                return shipped
    known = sorted({one.stem for folder in RECIPES for one in folder.glob("*.toml")})
    near = difflib.get_close_matches(path.name.removesuffix(".toml"), known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"those are: {', '.join(known)}"
    raise InputError(f"{path} is neither a file nor a recipe that ships with sarloom; {hint}")


def peek(path: Path, key: str) -> Any:
    """One key of a TOML file, or of what it extends, before it is known what the file is.

    ``None`` where nobody sets it or a file cannot be read: ``load_table`` says what is wrong.
    """
    seen: set[Path] = set()
    while path.resolve() not in seen:
        seen.add(path.resolve())
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if key in document:
            return document[key]
        if not isinstance(document.get("extends"), str):
            return None
        path = _extended(path, document["extends"])
    return None


def _extended(path: Path, base: str) -> Path:
    """What a recipe extends: a file beside it, else one that ships with the package."""
    beside = path.parent / base
    if not beside.is_file():
        for folder in RECIPES:
            if (folder / base).is_file():
                return folder / base
    return beside


def _read(path: Path, fields: dict[str, OptionField], seen: tuple[Path, ...]) -> dict[str, Any]:
    """Checked values of one file on top of those it extends."""
    if path.resolve() in seen:
        raise FormatError(f"{path} extends itself: {' -> '.join(p.name for p in seen)}")
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is not valid TOML: {error}") from error
    base = document.pop("extends", None)
    if base is not None and not isinstance(base, str):
        raise FormatError(f"{path}: extends must be the name of a file, not {base!r}")
    values = _read(_extended(path, base), fields, (*seen, path.resolve())) if base else {}
    for key, value in document.items():
        values[key] = _typed(_known(key, fields, str(path)), value, str(path))
    return values


def _known(key: str, fields: dict[str, OptionField], where: str) -> OptionField:
    if key in fields:
        return fields[key]
    near = difflib.get_close_matches(key, fields, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
    raise InputError(f"{where}: unknown key {key!r}; {hint}")


def _parse_value(text: str) -> Any:
    """A value from the command line: TOML where it parses, else the bare string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _typed(field: OptionField, value: Any, where: str) -> Any:
    """Bring a TOML value to the type of the field, without guessing."""
    if field.many:
        items = value if isinstance(value, list) else [value]
        if field.count and len(items) != field.count:
            raise InputError(f"{where}: {field.name} takes {field.count} values, not {len(items)}")
        return tuple(_typed_item(field, item, where) for item in items)
    return _typed_item(field, value, where)


def _typed_item(field: OptionField, value: Any, where: str) -> Any:
    kind = field.kind
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and type(value) is int:
        return float(value)
    # bool is an int to Python, but `steps = true` is a mistake
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise InputError(f"{where}: {field.name} = {value!r} is not a {NAMES[kind]}")
