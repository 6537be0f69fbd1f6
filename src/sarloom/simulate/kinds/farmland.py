"""Farmland: a patchwork of fields with crops and ploughing directions, hedges, tracks, a farm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..canvas import Canvas, Mask
from ..layout import Line, distance_m, outline, smooth_noise
from ..world import FloatArray, SceneObject
from .base import SceneKind
from .nature import CROPS, crop, draw_wood, farmstead, hedge, lone_trees, plant, way

Labels = NDArray[np.int16]


def relief(canvas: Canvas) -> FloatArray:
    """Flat to slightly rolling."""
    rng = canvas.rng
    return smooth_noise(canvas, rng.uniform(80, 160)) * np.float32(rng.uniform(0.1, 2.0))


def build(canvas: Canvas, region: Mask) -> None:
    """Draw fields, borders and a farm inside the region."""
    rng = canvas.rng
    canvas.cover(region, "grass")
    axis = float(rng.uniform(0, 180))
    labels = _parcels(canvas, axis)
    edges = _edges(labels)
    free = region & (distance_m(canvas, edges | ~region) > rng.uniform(0.7, 1.6))
    fields = _fields(canvas, labels, free, axis)
    borders = _borders(canvas, labels)
    tracks = _tracks(canvas, borders, region)
    _hedges(canvas, borders, region & ~tracks)
    taken = _farm(canvas, region, tracks, axis)
    lone_trees(canvas, edges & region & ~taken & ~tracks, region, int(rng.integers(0, 7)))
    if fields and rng.random() < 0.35:  # a copse on one of the fields
        copse = labels == int(rng.choice(fields))
        copse &= free & ~taken
        if copse.sum() < 0.15 * region.sum():
            canvas.cover(copse, "grass")
            canvas.world.height_m[copse] = canvas.world.ground_m[copse]
            plant(canvas, copse, draw_wood(canvas), region)
            ring = outline(canvas, copse)
            if ring:
                x, y = np.mean(ring, axis=0)
                canvas.record(SceneObject("copse", float(x), float(y), 0.0, 0.0, 10.0, 0.0, ring))


def _warped(canvas: Canvas, axis_deg: float) -> tuple[FloatArray, FloatArray]:
    """Coordinates along and across an axis, bent a little so that borders are not ruled lines."""
    rng = canvas.rng
    bend = float(rng.choice([0.0, 2.0, 6.0, 12.0]))
    x = canvas.x_m[None, :] - np.float32(canvas.extent_m / 2)
    y = canvas.y_m[:, None] - np.float32(canvas.extent_m / 2)
    c, s = math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))
    u, v = x * np.float32(c) + y * np.float32(s), y * np.float32(c) - x * np.float32(s)
    if bend > 0:
        u = u + smooth_noise(canvas, 120.0) * np.float32(bend)
        v = v + smooth_noise(canvas, 120.0) * np.float32(bend)
    return u, v


def _parcels(canvas: Canvas, axis_deg: float) -> Labels:
    """Number the fields: blocks split in two again and again, long strips, or loose polygons."""
    rng = canvas.rng
    u, v = _warped(canvas, axis_deg)
    style = rng.choice(["blocks", "strips", "polygons"], p=[0.5, 0.22, 0.28])
    scale = rng.uniform(0.75, 1.5)
    if style == "polygons":
        span = 55.0 * scale
        half = float(np.hypot(*canvas.shape)) * canvas.spacing_m / 2
        ticks = np.arange(-half, half + span, span)
        gu, gv = np.meshgrid(ticks, ticks)
        seeds = np.column_stack([gu.ravel(), gv.ravel()])
        seeds += rng.uniform(-0.45, 0.45, seeds.shape) * span
        # nearest seed, at half resolution
        half_u, half_v = u[::2, ::2], v[::2, ::2]
        best = np.full(half_u.shape, np.inf, np.float32)
        nearest = np.zeros(half_u.shape, np.int16)
        for index, (su, sv) in enumerate(seeds.astype(np.float32)):
            away = (half_u - su) ** 2 + (half_v - sv) ** 2
            closer = away < best
            best[closer] = away[closer]
            nearest[closer] = index
        return nearest.repeat(2, 0).repeat(2, 1)[: u.shape[0], : u.shape[1]]
    labels = np.zeros(u.shape, np.int16)
    if style == "strips":
        _strips(canvas, u, v, labels, 22.0 * scale)
        return labels
    half = float(max(abs(u).max(), abs(v).max()))
    leaves: list[tuple[float, float, float, float]] = []
    _split(rng, (-half, half, -half, half), 38.0 * scale, leaves)
    for index, (u0, u1, v0, v1) in enumerate(leaves):
        labels[(u >= u0) & (u < u1) & (v >= v0) & (v < v1)] = index
    return labels


def _strips(canvas: Canvas, u: FloatArray, v: FloatArray, labels: Labels, width: float) -> None:
    """Long narrow fields side by side, in two or three ranks."""
    rng = canvas.rng
    ends = np.sort(rng.uniform(float(u.min()), float(u.max()), int(rng.integers(1, 3))))
    rank = np.digitize(u, ends)
    for index in range(len(ends) + 1):
        steps = rng.uniform(0.5, 1.6, 40) * width
        cuts = float(v.min()) + np.cumsum(steps)
        part = rank == index
        labels[part] = 50 * index + np.digitize(v[part], cuts)


def _split(
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    least: float,
    leaves: list[tuple[float, float, float, float]],
) -> None:
    u0, u1, v0, v1 = box
    long_u = (u1 - u0) > (v1 - v0)
    length = max(u1 - u0, v1 - v0)
    if length < 2 * least or (length < 3.2 * least and rng.random() < 0.35):
        leaves.append(box)
        return
    cut = rng.uniform(0.35, 0.65)
    if long_u:
        middle = u0 + cut * (u1 - u0)
        halves = ((u0, middle, v0, v1), (middle, u1, v0, v1))
    else:
        middle = v0 + cut * (v1 - v0)
        halves = ((u0, u1, v0, middle), (u0, u1, middle, v1))
    for half in halves:
        _split(rng, half, least, leaves)


def _edges(labels: Labels) -> Mask:
    """Cells whose right or lower neighbour belongs to another field."""
    edges = np.zeros(labels.shape, bool)
    edges[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edges[:-1] |= labels[:-1] != labels[1:]
    return edges


def _fields(canvas: Canvas, labels: Labels, free: Mask, axis_deg: float) -> list[int]:
    """Sow every field that is large enough to see; returns their numbers."""
    rng = canvas.rng
    weights = rng.dirichlet(np.full(len(CROPS), 1.2))
    visible = canvas.world.visible
    sown: list[int] = []
    previous = -1
    boxes = ndimage.find_objects(labels.astype(np.int32) + 1)
    for number, box in enumerate(boxes):
        if box is None:
            continue
        part = np.zeros(canvas.shape, bool)
        part[box] = (labels[box] == number) & free[box]
        if part.sum() * canvas.spacing_m**2 < 60:
            continue
        choice = int(rng.choice(len(CROPS), p=weights))
        if choice == previous:
            choice = int((choice + 1 + rng.integers(len(CROPS) - 1)) % len(CROPS))
        previous = choice
        direction = _long_side(part, axis_deg) + float(rng.normal(0, 3))
        direction += 90.0 if rng.random() < 0.2 else 0.0
        detail = crop(canvas, part, choice, direction % 180.0)
        if part[visible].sum() * canvas.spacing_m**2 > 150:
            sown.append(number)
            _record(canvas, part, direction % 180.0, detail)
    return sown


def _long_side(part: Mask, axis_deg: float) -> float:
    """The one of the two field axes along which the field is longer."""
    rows, columns = np.nonzero(part[::3, ::3])
    if len(rows) < 8:
        return axis_deg
    c, s = math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))
    u, v = columns * c + rows * s, rows * c - columns * s
    return axis_deg if u.std() >= v.std() else axis_deg + 90.0


def _record(canvas: Canvas, part: Mask, direction_deg: float, detail: str) -> None:
    ring = outline(canvas, part)
    if ring:
        x, y = np.mean(ring, axis=0)
        size = math.sqrt(part.sum()) * canvas.spacing_m
        canvas.record(
            SceneObject("field", float(x), float(y), size, size, 0.0, direction_deg, ring, detail)
        )


def _border_line(
    canvas: Canvas, labels: Labels, pair: tuple[int, int], where: tuple[slice, slice]
) -> Line:
    """The common border of two fields as a line, its cells put in order along its long axis."""
    part = labels[where]
    near = ndimage.binary_dilation(part == pair[0], iterations=2) & (part == pair[1])
    rows, columns = np.nonzero(near)
    if len(rows) < 20:
        return []
    x = canvas.x_m[where[1]][columns].astype(float)
    y = canvas.y_m[where[0]][rows].astype(float)
    _, vectors = np.linalg.eigh(np.cov(np.stack([x, y])))
    along = (x - x.mean()) * vectors[0, 1] + (y - y.mean()) * vectors[1, 1]
    along -= along.min()
    count = max(2, int(along.max() / 5))
    bins = np.clip((along / (along.max() + 1e-9) * count).astype(int), 0, count - 1)
    size = np.bincount(bins, minlength=count)
    good = size > 0
    xs = np.bincount(bins, x, count)[good] / size[good]
    ys = np.bincount(bins, y, count)[good] / size[good]
    return [(float(a), float(b)) for a, b in zip(xs, ys, strict=True)]


def _pairs(labels: Labels) -> list[tuple[int, int]]:
    """Numbers of fields that touch over a useful length, longest border first."""
    keys = []
    for a, b in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        different = a != b
        one, two = a[different].astype(np.int64), b[different].astype(np.int64)
        keys.append(np.minimum(one, two) * 10_000 + np.maximum(one, two))
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    found = found[np.argsort(-counts)][: int((counts > 30).sum())]
    return [(int(k) // 10_000, int(k) % 10_000) for k in found]


def _borders(canvas: Canvas, labels: Labels) -> list[Line]:
    """Lines where two fields meet, longest first."""
    boxes = ndimage.find_objects(labels.astype(np.int32) + 1)
    lines = []
    for pair in _pairs(labels):
        box = boxes[pair[0]]
        where = (
            slice(max(0, box[0].start - 3), box[0].stop + 3),
            slice(max(0, box[1].start - 3), box[1].stop + 3),
        )
        line = _border_line(canvas, labels, pair, where)
        if len(line) > 2:
            lines.append(line)
    return lines


def _hedges(canvas: Canvas, borders: list[Line], region: Mask) -> None:
    """Hedges on a share of the borders."""
    rng = canvas.rng
    share = float(rng.choice([0.0, 0.25, 0.5, 0.8]))
    height = rng.uniform(1.8, 4.5)
    for line in borders:
        if rng.random() < share:
            hedge(canvas, region, line, height * rng.uniform(0.8, 1.3))


def _tracks(canvas: Canvas, borders: list[Line], region: Mask) -> Mask:
    """Up to two tracks or roads across the fields, in the direction of long borders."""
    rng = canvas.rng
    covered = np.zeros(canvas.shape, bool)
    for _ in range(int(rng.choice([0, 1, 1, 2])) if borders else 0):
        line = borders[int(rng.integers(min(3, len(borders))))]
        (x0, y0), (x1, y1) = line[0], line[-1]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        reach = 1.6 * canvas.extent_m
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        whole = canvas.curve(
            (cx - ux * reach, cy - uy * reach),
            (cx + ux * reach, cy + uy * reach),
            float(rng.choice([0.0, 1.5, 8.0])),
            120,
        )
        width = rng.uniform(3.0, 5.0)
        if rng.random() < 0.25:
            covered |= way(canvas, region, whole, width + 1.5, "asphalt", "road")
        else:
            covered |= way(canvas, region, whole, width)
    return covered


def _farm(canvas: Canvas, region: Mask, tracks: Mask, axis_deg: float) -> Mask:
    rng = canvas.rng
    if rng.random() > 0.6:
        return np.zeros(canvas.shape, bool)
    for _ in range(6):
        x, y = rng.uniform(0.12, 0.88, 2) * canvas.extent_m
        turn = axis_deg + float(rng.normal(0, 6))
        taken = farmstead(canvas, float(x), float(y), turn, region & ~tracks)
        if taken.any():
            return taken
    return np.zeros(canvas.shape, bool)


KIND = SceneKind("farmland", build, "grass", relief)
