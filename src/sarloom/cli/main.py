"""The ``sarloom`` program: parse, call one workflow, say what went wrong in one line.

Nothing here imports NumPy or torch: workflows are imported inside the call, so that ``--help``
and a mistyped flag answer at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import SarloomError
from .build import Command, command_function
from .commands import COMMANDS, GROUPS

EXIT_WRONG_USE = 2
EXIT_INTERRUPTED = 130


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sarloom {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Synthetic aperture radar images from words."""


def build_app() -> typer.Typer:
    """The whole command line as a typer application."""
    app = _typer("sarloom", None)
    app.callback()(_top)
    groups: dict[str, typer.Typer] = {"": app}
    for command in COMMANDS:
        if command.group not in groups:
            groups[command.group] = _typer(command.group, GROUPS[command.group])
            app.add_typer(groups[command.group], short_help=GROUPS[command.group])
        function = command_function(command, _runner(command))
        groups[command.group].command(
            command.word, help=function.__doc__, short_help=command.summary
        )(function)
    return app


def _typer(name: str, summary: str | None) -> typer.Typer:
    # plain help: importing and laying out rich tables would take longer than everything else
    return typer.Typer(
        name=name,
        help=summary,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _runner(command: Command) -> Any:
    def run(options: Any) -> None:
        workflows = importlib.import_module("sarloom.workflows")
        getattr(workflows, command.workflow)(options)

    return run


def main(arguments: list[str] | None = None) -> None:
    """Run the program and end the process.

    Exit status: 0 done; 2 a ``SarloomError`` or wrong usage, one line on stderr; 130 stopped by
    Ctrl-C. Any other exception is a bug and keeps its traceback.
    """
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit status; see ``main``."""
    given = sys.argv[1:] if arguments is None else arguments
    # nothing, or the name of a group alone: show what there is
    asked = [*given, "--help"] if " ".join(given) in ("", *GROUPS) else given
    try:
        status = build_app()(args=asked, prog_name="sarloom", standalone_mode=False)
    except SarloomError as error:
        return _complain(str(error))
    except typer.TyperException as error:
        return _complain(error.format_message().rstrip("."), _help_hint(given))
    except (typer.Abort, KeyboardInterrupt):
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader (`| head`) has gone; keep Python from complaining again while it shuts down
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if status == EXIT_INTERRUPTED:
        typer.echo("sarloom: stopped; what was finished is kept", err=True)
    return int(status or 0)


def _complain(message: str, hint: str = "") -> int:
    """One line on stderr whatever line breaks the message holds."""
    line = " ".join(message.split())
    typer.echo(f"sarloom: {line}{hint}", err=True)
    return EXIT_WRONG_USE


def _help_hint(given: list[str]) -> str:
    words = [word for word in given if not word.startswith("-")]
    known = {" ".join(words[:count]) for count in (1, 2)}
    names = [one.name for one in COMMANDS if one.name in known]
    names += [one.group for one in COMMANDS if one.group in known]
    return f" (see: {' '.join(('sarloom', *names[:1], '--help'))})"
