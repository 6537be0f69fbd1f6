"""What training a captioner means: the loss of a batch of pictures and sentences, for every kind.

BLIP's own ``forward`` begins a caption with [CLS], its ``generate`` with [DEC]; a caption learned
that way is not the one that is asked for. So the first token is replaced here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from ..loop import Draw, Group

IGNORED = -100
"""Label of what is not learned: padding."""


@dataclass(frozen=True)
class Batch:
    """Pictures with the same number of captions each."""

    pixels: torch.Tensor
    """As the model wants them, [n, 3, rows, columns]."""
    captions: Sequence[str]
    """Those of the first picture, of the second, ...; equally many of each."""
    extra: dict[str, torch.Tensor]
    """What else is known of the pictures."""


class Examples(Protocol):
    """Where batches come from."""

    def batch(self, draw: Draw) -> Batch:
        """The batch of a step: a function of its random numbers alone."""


Aside = Callable[[torch.Tensor, dict[str, torch.Tensor]], dict[str, torch.Tensor]]
"""From what the picture encoder saw to further losses, by name."""


class CaptionerTask:
    """A captioner of the BLIP or GIT family and the sentences it learns."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        examples: Examples,
        lessons: nn.Module | None = None,
        longest: int = 64,
    ) -> None:
        self.processor, self.examples, self.longest = processor, examples, longest
        self.module: Any = _Reader(model, lessons)

    def groups(self) -> Sequence[Group]:
        """Everything; no decay of biases, norms and tables."""
        trained = [one for one in self.module.parameters() if one.requires_grad]
        return (
            Group([one for one in trained if one.ndim > 1]),
            Group([one for one in trained if one.ndim <= 1], weight_decay=0.0),
        )

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Mean error of the next token, plus the further lessons."""
        batch = self.examples.batch(draw)
        losses = self.module(self.inputs(batch), batch.extra)
        total = torch.stack(list(losses.values())).sum()
        return total, {name: float(one.detach()) for name, one in losses.items()}

    def inputs(self, batch: Batch) -> dict[str, torch.Tensor]:
        """What the model is given."""
        device = next(self.module.parameters()).device
        tokens = self.processor.tokenizer(
            list(batch.captions),
            padding=True,
            truncation=True,
            max_length=self.longest,
            return_tensors="pt",
        )
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        labels = ids.masked_fill(mask == 0, IGNORED)
        config = self.module.model.config
        if config.model_type == "blip":
            ids = ids.clone()
            ids[:, 0] = config.text_config.bos_token_id
        given = {
            "pixel_values": batch.pixels, "input_ids": ids, "attention_mask": mask, "labels": labels
        }  # fmt: skip
        return {name: value.to(device) for name, value in given.items()}


class _Reader(nn.Module):
    """The model and its further lessons, called as one."""

    def __init__(self, model: Any, lessons: nn.Module | None) -> None:
        super().__init__()
        self.model, self.lessons = model, lessons

    def forward(
        self, given: dict[str, torch.Tensor], extra: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Losses by name."""
        times = len(given["input_ids"]) // len(given["pixel_values"])
        if self.model.config.model_type != "blip":
            pixels = given["pixel_values"].repeat_interleave(times, 0)
            return {"words": self.model(**{**given, "pixel_values": pixels}).loss}
        # every picture is looked at once, however many captions it has
        seen = self.model.vision_model(given["pixel_values"]).last_hidden_state
        said = self.model.text_decoder(
            input_ids=given["input_ids"],
            attention_mask=given["attention_mask"],
            encoder_hidden_states=seen.repeat_interleave(times, 0),
            labels=given["labels"],
            reduction="mean",
        )
        losses = {"words": said.loss}
        if self.lessons is not None:
            losses |= self.lessons(seen, extra)
        return losses
