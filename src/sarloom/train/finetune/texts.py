"""Sentences as a frozen text encoder reads them: encoded once, kept in the run folder.

They lie in files of 64 sentences, written when the first of the 64 is needed and mapped into memory
afterwards, so 100,000 captions cost disk and no memory, and a run of three steps encodes few.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ...files import write_aside
from ...models.loaded import LoadedModel, TextCondition

SHARD = 64
"""Sentences a file holds; they are encoded together, so a sentence's states never hang on which
batch asked for it."""


class TextCache:
    """Token states of the sentences of a run."""

    def __init__(self, model: LoadedModel, run: Path, sentences: Iterable[str]) -> None:
        """Fit the cache to a model and the sentences; files of others are removed."""
        self._model = model
        self._sentences = sorted(set(sentences))
        self._place = {text: number for number, text in enumerate(self._sentences)}
        self.folder = run / f"texts-{self._key()}"
        for old in run.glob("texts-*"):
            if old != self.folder:
                shutil.rmtree(old, ignore_errors=True)
        self._opened: dict[int, dict[str, torch.Tensor]] = {}
        self._strangers: dict[str, TextCondition] = {}

    def of(self, texts: list[str]) -> TextCondition:
        """States of some sentences; one that the run did not announce is encoded alone."""
        rows = [self._row(text) for text in texts]
        context = torch.cat([row.context for row in rows])
        pooled = [row.pooled for row in rows if row.pooled is not None]
        device = self._model.device
        return TextCondition(context.to(device), torch.cat(pooled).to(device) if pooled else None)

    def _key(self) -> str:
        """Changes with the encoder and the sentences."""
        encoders = [str(next(one.parameters()).dtype) for one in self._model.parts.text_encoders]
        about = [self._model.fingerprint, encoders, self._sentences]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]

    def _row(self, text: str) -> TextCondition:
        number = self._place.get(text)
        if number is None:
            if text not in self._strangers:
                self._strangers[text] = self._encode([text])
            return self._strangers[text]
        shard, row = divmod(number, SHARD)
        found = self._shard(shard)
        pooled = found["pooled"][row : row + 1] if "pooled" in found else None
        return TextCondition(found["context"][row : row + 1], pooled)

    def _shard(self, shard: int) -> dict[str, torch.Tensor]:
        if shard not in self._opened:
            path = self.folder / f"{shard:06d}.safetensors"
            if not path.is_file():
                self.folder.mkdir(parents=True, exist_ok=True)
                text = self._encode(self._sentences[shard * SHARD : (shard + 1) * SHARD])
                tensors = {"context": text.context.contiguous()}
                if text.pooled is not None:
                    tensors["pooled"] = text.pooled.contiguous()
                with write_aside(path) as aside:
                    save_file(tensors, aside)
            self._opened[shard] = load_file(path)
        return self._opened[shard]

    @torch.no_grad()
    def _encode(self, texts: list[str]) -> TextCondition:
        with torch.autocast(self._model.device.type, enabled=False):
            text = self._model.encode_text(texts)
        return TextCondition(text.context.cpu(), None if text.pooled is None else text.pooled.cpu())
