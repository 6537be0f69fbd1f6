"""METEOR 1.5 (Denkowski and Lavie 2014), counted by its authors' Java program.

Nothing in Python gives the same figure, so there is no substitute under this name: without Java or
without the program's file METEOR is not computed. The figure is the program's own aggregate over
the corpus, which is not the mean over sentences.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import IO

from ...errors import InputError
from .base import Corpus, NotComputed, Programs, Words

JAR = Path("meteor", "meteor-1.5.jar")
"""Where the Python package pycocoevalcap keeps it."""
GET_JAVA = "Java is not installed; install a Java runtime, 8 or newer, such as openjdk-17-jre"
GET_JAR = "the program is not installed: pip install 'sarloom[meteor]', or --meteor-jar FILE"
START_S = 300.0
"""The program reads a table of paraphrases first: some seconds, minutes on a busy machine."""
PER_CAPTION_S = 0.1
SEPARATOR = "|||"
LAST_CHARS = 200


def meteor(corpus: Corpus, programs: Programs) -> tuple[float]:
    """METEOR of a corpus, between 0 and 1.

    Within ``kept_program`` the program is started once for all corpora.

    Raises
    ------
    NotComputed
        If Java or the program is not there, or the program fails or takes too long.
    InputError
        If the program's file was named and is not there.
    """
    jar = find_jar(programs.meteor_jar)
    java = find_java()
    if java is None:
        raise NotComputed(GET_JAVA)
    if jar is None:
        raise NotComputed(GET_JAR)
    timeout_s = START_S + PER_CAPTION_S * sum(len(several) + 1 for several in corpus.references)
    kept = _KEPT.get()
    if kept is None:
        with MeteorProgram(java, jar, timeout_s) as program:
            return (program.score(corpus),)
    return (kept.running(java, jar).score(corpus, timeout_s),)


@contextmanager
def kept_program() -> Iterator[None]:
    """While this lasts the Java program, which takes seconds to start, answers for every corpus.

    It is started when it is first asked, and ended with the outermost such context.
    """
    if _KEPT.get() is not None:
        yield
        return
    kept = _Kept()
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)
        kept.stack.close()


class _Kept:
    """The one program that is kept running, if it is."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self._program: MeteorProgram | None = None

    def running(self, java: Path, jar: Path) -> MeteorProgram:
        """The program, started again if it has ended or is another one."""
        if self._program is None or not self._program.answers(java, jar):
            self.stack.close()
            self._program = self.stack.enter_context(MeteorProgram(java, jar, START_S))
        return self._program


_KEPT: ContextVar[_Kept | None] = ContextVar("kept METEOR program", default=None)


def find_java() -> Path | None:
    """The Java of JAVA_HOME, else the one on the path."""
    home = os.environ.get("JAVA_HOME")
    if home:
        inside = Path(home, "bin", "java")
        if inside.is_file():
            return inside
    found = shutil.which("java")
    return Path(found) if found else None


def find_jar(named: Path | None) -> Path | None:
    """The file the user named, else that of an installed pycocoevalcap, which is not imported.

    Raises
    ------
    InputError
        If the named file is not there.
    """
    if named is not None:
        if not named.is_file():
            raise InputError(f"{named}: no such file; --meteor-jar names meteor-1.5.jar")
        return named.resolve()
    package = importlib.util.find_spec("pycocoevalcap")
    for folder in (package.submodule_search_locations or []) if package else []:
        if Path(folder, JAR).is_file():
            return Path(folder, JAR)
    return None


class MeteorProgram:
    """The Java program in a process of its own, ended when the context ends, however it ends.

    Parameters
    ----------
    java, jar : Path
        The Java runtime, and meteor-1.5.jar with its folder ``data`` beside it.
    timeout_s : float
        The process is killed after so many seconds.
    """

    def __init__(self, java: Path, jar: Path, timeout_s: float) -> None:
        # numbers are printed by the locale: a French one has decimal commas, which the program
        # itself cannot read back
        locale = ["-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8"]
        self._command = [
            *(str(java), "-Xmx2G", *locale, "-jar", str(jar)),
            *("-", "-", "-stdio", "-l", "en", "-norm"),
        ]
        self._timeout_s = timeout_s
        self._timed_out = False

    def __enter__(self) -> MeteorProgram:
        unwanted = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS")
        inherited = {name: text for name, text in os.environ.items() if name not in unwanted}
        self._complaints: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=inherited,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            self._complaints.close()
            raise NotComputed(f"Java cannot be started: {error}") from error
        self._watch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watchdog.cancel()
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            with suppress(OSError):
                assert stream is not None
                stream.close()

    def answers(self, java: Path, jar: Path) -> bool:
        """Whether it is this program and still runs."""
        named = self._command[0] == str(java) and str(jar) in self._command
        return named and not self._timed_out and self._process.poll() is None

    def score(self, corpus: Corpus, timeout_s: float | None = None) -> float:
        """METEOR of one corpus; the process can be asked again.

        ``timeout_s`` counts from here on; without it the time of the start counts on.

        Raises
        ------
        NotComputed
            If the program fails or has taken too long.
        """
        if timeout_s is not None:
            self._watchdog.cancel()
            self._timeout_s = timeout_s
            self._watch()
        pairs = zip(corpus.hypotheses, corpus.references, strict=True)
        asked = [_question(words, several) for words, several in pairs]
        counts = self._ask(asked, len(asked))
        answers = self._ask([f" {SEPARATOR} ".join(["EVAL", *counts])], len(counts) + 1)
        if timeout_s is not None:
            self._watchdog.cancel()  # until it is asked again
        try:
            return float(answers[-1])
        except ValueError:
            raise NotComputed(f"the program's answer is no number: {answers[-1]!r}") from None

    def _ask(self, lines: list[str], answers: int) -> list[str]:
        """Send lines and read as many answers, in two threads so that no full pipe stops both."""
        feeder = threading.Thread(target=self._send, args=(lines,), daemon=True)
        feeder.start()
        found = []
        assert self._process.stdout is not None
        for _ in range(answers):
            line = self._process.stdout.readline()
            if not line:
                raise NotComputed(self._reason())
            found.append(line.strip())
        feeder.join()
        return found

    def _send(self, lines: Iterable[str]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # the process has ended: reading finds that out
            self._process.stdin.writelines(f"{line}\n" for line in lines)
            self._process.stdin.flush()

    def _watch(self) -> None:
        """Kill the process when its time is over."""
        self._watchdog = threading.Timer(self._timeout_s, self._give_up)
        self._watchdog.daemon = True
        self._watchdog.start()

    def _give_up(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _reason(self) -> str:
        """Why there was no answer."""
        if self._timed_out:
            return f"the Java program did not answer within {self._timeout_s:.0f} s"
        status = self._process.wait()
        self._complaints.seek(0)
        said = " ".join(self._complaints.read().split())[-LAST_CHARS:]
        return f"the Java program ended with status {status}: {said or 'it gave no reason'}"


def _question(words: Words, references: tuple[Words, ...]) -> str:
    """What the program is told of one image."""
    captions = [" ".join(one).replace(SEPARATOR, "") for one in (*references, words)]
    return f" {SEPARATOR} ".join(["SCORE", *captions])
