"""What is kept of a scene that is not finished: settings, latents after a step, rows of blocks.

All lies in one folder beside the scene, ``NAME.part``, which goes away with the last step. Every
file is written aside and renamed, so a run that is killed goes on from what is there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...files import write_aside

if TYPE_CHECKING:
    from torch import Tensor

STATE, LATENTS = "state.json", "latents.safetensors"


class Work:
    """The folder of one unfinished scene."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Take up the folder beside ``path``, or make it.

        Raises
        ------
        InputError
            If it holds another scene's work, or cannot be made.
        """
        self.folder = path.with_name(path.stem + ".part")
        text = json.dumps(settings, sort_keys=True, default=str)
        self._state: dict[str, Any] = {
            "settings": hashlib.sha256(text.encode()).hexdigest(),
            "step": 0,
            "rows": 0,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder} cannot be made: {error.strerror}") from error
        file = self.folder / STATE
        if not file.is_file():
            self._save()
            return
        try:
            found = json.loads(file.read_text("utf-8"))
            fits = found["settings"] == self._state["settings"]
            self._state |= {name: int(found[name]) for name in ("step", "rows")}
        except (ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            raise InputError(
                f"{self.folder} holds an unfinished scene of other settings: finish it with the "
                "same command, delete the folder, or give another --name"
            )

    @property
    def step(self) -> int:
        """Denoising steps done."""
        return int(self._state["step"])

    @property
    def rows(self) -> int:
        """Rows of pixels decoded and written."""
        return int(self._state["rows"])

    def file(self, name: str) -> Path:
        """A file in the folder."""
        return self.folder / name

    def save_latents(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Keep the latents after a step."""
        from safetensors.torch import save_file

        # copies: safetensors refuses tensors that share memory, as the last step's do
        whole = {name: value.detach().cpu().clone() for name, value in tensors.items()}
        with write_aside(self.file(LATENTS)) as aside:
            save_file(whole, aside, {"step": str(step)})
        self._state["step"] = step
        self._save()

    def load_latents(self) -> tuple[int, dict[str, Tensor]]:
        """Steps done and the latents after them; 0 and nothing at the beginning."""
        from safetensors import SafetensorError, safe_open

        path = self.file(LATENTS)
        if not path.is_file():
            return 0, {}
        try:
            with safe_open(path, "pt") as opened:
                step = int((opened.metadata() or {})["step"])
                return step, {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is damaged ({error}): delete {self.folder} and begin again"
            ) from error

    def save_rows(self, rows: int) -> None:
        """Remember how many rows of pixels are written."""
        self._state["rows"] = rows
        self._save()

    def remove(self) -> None:
        """The scene is finished."""
        shutil.rmtree(self.folder)

    def _save(self) -> None:
        with write_aside(self.folder / STATE) as aside:
            aside.write_text(json.dumps(self._state) + "\n", "utf-8")
