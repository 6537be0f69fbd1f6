"""Which of the two halves of classifier-free guidance a picture leads.

Guidance moves from what is drawn without the words towards what is drawn with them. If a picture
leads both halves, as a stock pipeline does, it cancels in the difference, and guidance strengthens
the words against it. If it leads the prompted half alone, it is strengthened with them:

    e = e(no words, no picture) + w (e(words, picture) - e(no words, no picture))

the joint form of classifier-free guidance over several conditions (Ho & Salimans 2022; as in
Brooks, Holynski & Efros, *InstructPix2Pix*, 2023, with one weight for both).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from ...models.loaded import TextCondition


def residuals(
    network: Any,
    latents: torch.Tensor,
    t: torch.Tensor,
    text: TextCondition,
    picture: torch.Tensor,
    weight: float,
    added: dict[str, torch.Tensor] | None,
    side: str,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """One pass of a control network: what it adds to the skips and to the middle of the U-Net.

    Parameters
    ----------
    latents
        As the U-Net gets them [n, c, h, w]; of two the first is without the words.
    side
        'guided' leads the prompted half alone, 'both' leads both.
    """
    import torch

    context = text.context
    alone = side == "guided" and latents.shape[0] == 2
    if alone:
        latents, context = latents[1:], context[1:]
        added = None if added is None else {name: one[1:] for name, one in added.items()}
    down, middle = network(
        latents, t, encoder_hidden_states=context, controlnet_cond=picture,
        conditioning_scale=weight, added_cond_kwargs=added, return_dict=False,
    )  # fmt: skip
    if not alone:
        return list(down), middle
    wide = [torch.cat([torch.zeros_like(one), one]) for one in (*down, middle)]
    return wide[:-1], wide[-1]
