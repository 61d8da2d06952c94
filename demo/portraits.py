"""Draw seeded, licence-free portraits of invented people for demos and tests.

A head is painted as colours and a relief (a height map), lit, turned and set before a wall. Arrays
are float64, colours RGB in 0..255, lengths in head units (a picture is about 2.6 wide, y is down).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

Plane = npt.NDArray[np.float64]  # shape (rows, columns)
Colours = npt.NDArray[np.float64]  # shape (rows, columns, 3)
Rgb = tuple[int, int, int]

# Seeds, most different first. Centred FaceNet cosine distance, photo seeds 0..11 of the first four:
# same person up to 0.080, others from 0.273; all twelve, photo seeds 100 * id + 0..3: 0.074, 0.121.
DEMO_IDENTITIES = (8, 10, 6, 3, 7, 4, 9, 2, 11, 0, 5, 1)
HALF_SPAN = 1.3  # head units from the middle of a picture to its edge, at scale 1
SKINS = ((247, 214, 190), (232, 184, 150), (205, 152, 112), (158, 106, 74), (110, 74, 54))
HAIRS = ((28, 22, 20), (78, 48, 28), (150, 150, 154), (140, 62, 26), (196, 152, 84))
IRISES = ((66, 40, 20), (84, 124, 164), (86, 116, 70), (34, 24, 18))


@dataclass(frozen=True)
class Identity:
    """The lasting looks of one invented person; lengths in head units, colours in 0..255."""

    skin: Rgb
    hair: Rgb
    iris: Rgb
    face_width: float  # half the width of the face
    face_height: float  # half the height of the face
    jaw_taper: float  # share of the width lost at the chin; negative widens the jaw
    eye_x: float  # distance of an eye from the midline
    eye_y: float  # height of the eyes; negative is above the middle of the head
    eye_width: float  # half the width of an eye
    eye_open: float  # height of an eye as a share of its width
    eye_tilt: float  # rise of the outer corner per unit of width
    brow_gap: float  # distance of a brow above the eye
    brow_thickness: float  # half the thickness of a brow
    brow_slope: float  # rise of the outer end per unit of width
    nose_width: float  # half the width of the nose
    nose_length: float  # from the height of the eyes to the tip
    mouth_drop: float  # from the tip of the nose to the mouth
    mouth_width: float  # half the width of the mouth
    lip_height: float  # half the height of both lips
    bones: float  # strength of cheekbones and eye sockets, 0..1
    hairline: float  # height of the hair's edge at the midline; -2 when bald
    hair_drop: float  # how much lower the hair's edge is at the temples
    hair_volume: float  # thickness of the hair over the skull
    hair_length: float  # height of the hair's ends; it falls behind the head if positive
    beard: float  # opacity, 0..1
    moustache: float  # opacity, 0..1
    glasses: float  # half the thickness of the frame; 0 for none
    texture_seed: int  # seed of the blotches on the skin and the strands of hair


def draw_identity(seed: int) -> Identity:
    """Invent the person of a seed; traits lean to their extremes so that people differ."""
    rng = np.random.default_rng(seed)

    def spread(low: float, high: float) -> float:
        return float(low + (high - low) * rng.beta(0.45, 0.45))

    skin, iris = SKINS[rng.integers(len(SKINS))], IRISES[rng.integers(len(IRISES))]
    dark = sum(skin) < 400  # noqa: PLR2004 - the two darkest skins go with darker hair
    hair = HAIRS[rng.integers(3 if dark else len(HAIRS))]
    feminine, bald, bearded, spectacled = (rng.random(4) < (0.5, 0.25, 0.6, 0.35)).tolist()
    whiskers = 0.95 if bearded and not feminine else 0.0
    return Identity(
        skin=skin, hair=hair, iris=iris, face_width=spread(0.56, 0.68),
        face_height=spread(0.74, 0.82), bones=spread(0, 1), mouth_width=spread(0.15, 0.25),
        jaw_taper=spread(0.15, 0.42) if feminine else spread(-0.1, 0.25),
        eye_x=spread(0.2, 0.285), eye_y=spread(-0.13, -0.06), eye_width=spread(0.09, 0.12),
        eye_open=spread(0.36, 0.6), eye_tilt=spread(-0.18, 0.25), brow_gap=spread(0.11, 0.16),
        brow_slope=spread(-0.18, 0.22), nose_width=spread(0.065, 0.145),
        brow_thickness=spread(0.012, 0.022) if feminine else spread(0.024, 0.05),
        nose_length=spread(0.24, 0.34), mouth_drop=spread(0.15, 0.2), lip_height=spread(0.04, 0.06),
        hairline=-2.0 if bald and not feminine else spread(-0.62, -0.38),
        hair_drop=spread(0.1, 0.75) if feminine else spread(0.05, 0.4),
        hair_volume=spread(0.05, 0.16) if feminine else spread(0.02, 0.09),
        hair_length=spread(0.45, 1.2) if feminine else spread(-0.4, 0),
        beard=whiskers * spread(0.2, 1), moustache=whiskers * spread(0, 1),
        glasses=spread(0.01, 0.024) if spectacled else 0.0, texture_seed=int(rng.integers(2**31)),
    )  # fmt: skip


def draw_portrait(identity: Identity, seed: int, size_px: int = 320) -> Image.Image:
    """Photograph a person: an RGB picture of size_px x size_px whose scene depends on the seed."""
    rng = np.random.default_rng(seed)
    sheet_x, sheet_y = _grid(size_px * 4 // 3)
    relief, head_mask = _relief(identity, sheet_x, sheet_y)
    light = (rng.uniform(-0.35, 0.35), rng.uniform(-0.45, -0.15))
    head = _light(_paint_face(identity, sheet_x, sheet_y), relief, *light)
    scale, roll = rng.uniform(0.85, 1.05), rng.uniform(-0.08, 0.08)
    x, y = (axis / scale + rng.uniform(-0.07, 0.07) for axis in _grid(size_px))
    x, y = np.cos(roll) * x - np.sin(roll) * y, np.sin(roll) * x + np.cos(roll) * y
    yaw, pitch = np.sin(rng.uniform(-0.15, 0.15)), np.sin(rng.uniform(-0.08, 0.08))
    head_x, head_y = x, y
    for _ in range(4):  # a fixed point: the spot of the turned relief that each pixel sees
        depth = _sample(relief, head_x, head_y) - 0.3
        head_x, head_y = (x - yaw * depth) / np.sqrt(1 - yaw**2), y - pitch * depth
    seen = np.stack([_sample(head[..., c], head_x, head_y) for c in range(3)], axis=-1)
    picture = _over(_paint_scene(identity, rng, x, y), _sample(head_mask, head_x, head_y), seen)
    picture = gaussian_filter(picture, (0.5, 0.5, 0)) * rng.uniform(0.9, 1.12)
    picture = picture * rng.uniform(0.96, 1.04, 3) + rng.normal(0, 2, seen.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _grid(side_px: int) -> tuple[Plane, Plane]:
    """Head-unit coordinates x and y of the pixels of a square, each (side_px, side_px)."""
    axis = (np.arange(side_px) + 0.5) / side_px * 2 * HALF_SPAN - HALF_SPAN
    return np.meshgrid(axis, axis)


def _sample(sheet: Plane, x: Plane, y: Plane) -> Plane:
    """Read a sheet at head-unit coordinates, bilinearly; its edge continues outside."""
    per_unit = sheet.shape[0] / (2 * HALF_SPAN)
    at = np.stack(((y + HALF_SPAN) * per_unit - 0.5, (x + HALF_SPAN) * per_unit - 0.5))
    return map_coordinates(sheet, at, order=1, mode="nearest")


def _step(value: Plane, low: float, high: float) -> Plane:
    """Rise smoothly from 0 (below low) to 1 (above high)."""
    share: Plane = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _bump(x: Plane, y: Plane, width: float, height: float) -> Plane:
    """Gaussian bell of height 1 around the origin of x and y."""
    return np.exp(-((x / width) ** 2) - (y / height) ** 2)


def _over(below: Colours, mask: Plane, colour: npt.ArrayLike) -> Colours:
    """Lay a colour (or a picture) over another one where the mask (0..1) says so."""
    return below + (np.asarray(colour) - below) * mask[..., np.newaxis]


def _noise(seed: int, cells: tuple[int, int], like: Plane) -> Plane:
    """Smooth noise in -0.5..0.5, shaped like a plane, of so many cells down and across."""
    coarse = np.random.default_rng(seed).uniform(-0.5, 0.5, cells)
    return zoom(coarse, (like.shape[0] / cells[0], like.shape[1] / cells[1]), order=1)


def _hair(person: Identity, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """Mask (0..1) and height map of the hair on the front of the head."""
    wide, high = person.face_width + person.hair_volume, person.face_height + person.hair_volume
    cap = np.clip(1 - np.square(x / wide) - np.square(y / high), 0, 1)
    edge = person.hairline + person.hair_drop * np.abs(x / person.face_width) ** 2.5 - y
    ends = max(person.hair_length, person.eye_y + 0.1) - y
    return _step(edge, -0.02, 0.05) * _step(ends, 0, 0.08) * _step(cap, 0, 0.05), 0.66 * cap**0.5


def _relief(person: Identity, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """Height map of the head in head units and its mask (0..1), both shaped like x."""
    side, tip = np.abs(x), person.eye_y + person.nose_length
    mouth_y = tip + person.mouth_drop
    width = person.face_width * (1 - person.jaw_taper * np.clip(y / person.face_height, 0, 1) ** 2)
    skull = np.clip(1 - (side / width) ** 2.2 - np.abs(y / person.face_height) ** 2.2, 0, 1)
    bumps = (  # strength, distance from the midline, height, width, height of each bell
        (0.16, 0, tip - 0.03, person.nose_width, 0.1),
        (0.1, 0, tip - 0.16, person.nose_width * 0.6, 0.17),
        (0.04, person.nose_width * 0.9, tip, 0.045, 0.05),
        (-0.05 * person.bones - 0.01, person.eye_x, person.eye_y, 0.14, 0.09),
        (0.04, person.eye_x, person.eye_y, person.eye_width, person.eye_width * 0.6),
        (0.04 * person.bones, person.eye_x, person.eye_y - person.brow_gap, 0.16, 0.055),
        (0.07 * person.bones, 0.32, 0.16, 0.13, 0.13),
        (0.045, 0, mouth_y, person.mouth_width, 0.1),
        (-0.025, 0, mouth_y, person.mouth_width, 0.015),
        (0.05, 0, person.face_height * 0.88, 0.15, 0.11),
    )
    face = 0.62 * np.sqrt(skull)
    for strength, across, down, wide, high in bumps:
        face += strength * _bump(side - across, y - down, wide, high)
    hair, cap = _hair(person, x, y)
    return face + np.maximum(cap - face, 0) * hair, np.maximum(_step(skull, 0, 0.05), hair)


def _paint_face(person: Identity, x: Plane, y: Plane) -> Colours:
    """Unlit colours of the head seen from the front, (rows, columns, 3)."""
    skin, hair = np.array(person.skin), np.array(person.hair)
    side, tip_y = np.abs(x), y - person.eye_y - person.nose_length
    mouth_y = tip_y - person.mouth_drop
    jaw = _step(mouth_y + 0.9 * side**2, -0.02, 0.16) * _step(side + mouth_y, 0.02, 0.2)
    whiskers = _bump(x, mouth_y + 0.07 + 0.2 * side**2, person.mouth_width, 0.03)
    lips = _bump(x, mouth_y, person.mouth_width * 0.9, person.lip_height)
    gap = _bump(x, mouth_y + 0.012 * np.cos(13 * x), person.mouth_width * 0.9, 0.011)
    nostril = _bump(side - person.nose_width * 0.55, tip_y - 0.03, person.nose_width / 3, 0.018)
    face = skin * (1 + 0.07 * _noise(person.texture_seed, (24, 24), x)[..., np.newaxis])
    face = _over(face, person.beard * jaw, hair * 0.55)
    face = _over(face, person.moustache * _step(whiskers, 0.2, 0.7), hair * 0.55)
    face = _over(face, _step(lips, 0.3, 0.65), skin * 0.5 + np.array((62, 16, 20)))
    face = _over(face, 0.85 * _step(np.maximum(gap, nostril), 0.35, 0.8), skin * 0.25)
    face = _paint_eyes(face, person, side - person.eye_x, y - person.eye_y)
    strands = 1 + 0.5 * _noise(person.texture_seed + 1, (20, 110), x)[..., np.newaxis]
    face = _over(face, _hair(person, x, y)[0], hair * strands)
    lens = np.hypot((side - person.eye_x) / 0.165, (y - person.eye_y - 0.02) / 0.125)
    arms = np.abs(y - person.eye_y + 0.01) + 9 * (lens < 1)  # and the bridge between the lenses
    frame = person.glasses - np.minimum(0.14 * np.abs(lens - 1), arms)
    return _over(face, _step(frame, 0, 0.008), (30, 26, 26))


def _paint_eyes(face: Colours, person: Identity, out: Plane, down: Plane) -> Colours:
    """Paint eyes and brows; out and down measure from the eye's middle, away from the nose."""
    across = out / person.eye_width
    along = (down + person.eye_tilt * out) / (person.eye_width * person.eye_open)
    opening = _step(1 - across**2 - np.abs(along) ** 1.6, 0, 0.14)
    iris = np.hypot(out, down) / (person.eye_width * 0.5)
    glint = _step(_bump(out + 0.02, down + 0.022, 0.012, 0.012), 0.2, 0.6)
    lid = np.abs(along + np.clip(1 - across**2, 0, 1) ** 0.625)
    brow = down + person.brow_gap + person.brow_slope * out + 1.2 * out**2
    hairs = np.exp(-np.square(brow / person.brow_thickness) - (out / 0.13) ** 4)
    face = _over(face, 0.35 * _step(_bump(across, along, 1.4, 1.6), 0.2, 0.9), face * 0.6)
    face = _over(face, opening, (236, 232, 228))
    face = _over(face, opening * _step(1 - iris, -0.1, 0.1), person.iris)
    face = _over(face, opening * _step(0.5 - iris, -0.06, 0.06), (10, 8, 8))
    face = _over(face, opening * glint, (255, 255, 255))
    face = _over(face, _step(0.3 - lid, 0, 0.2) * _step(1.1 - across**2, 0, 0.3), (50, 38, 34))
    return _over(face, 0.9 * _step(hairs, 0.25, 0.8), np.array(person.hair) * 0.5)


def _light(colours: Colours, relief: Plane, light_x: float, light_y: float) -> Colours:
    """Shade colours by a relief under light from (light_x, light_y, 1), 1 towards the viewer."""
    pixel = 2 * HALF_SPAN / relief.shape[0]
    down, right = np.gradient(gaussian_filter(relief, 0.01 / pixel), pixel)
    towards = 0.9 - right * light_x - down * light_y
    steepness, length = np.sqrt(0.8 + right**2 + down**2), np.sqrt(1 + light_x**2 + light_y**2)
    diffuse: Plane = np.clip(towards / steepness / length, 0, 1)[..., np.newaxis]
    gloss: Plane = np.clip((towards / length + 0.9) / steepness / 2, 0, 1)[..., np.newaxis]
    return colours * (0.47 + 0.6 * diffuse) + 22 * gloss**30


def _paint_scene(person: Identity, rng: np.random.Generator, x: Plane, y: Plane) -> Colours:
    """Paint what lies behind the face: a wall, long hair, neck, shirt and ears."""
    skin, wide = np.array(person.skin), person.face_width + person.hair_volume + 0.05
    blotches = 1 - 0.1 * y + 0.25 * _noise(int(rng.integers(2**31)), (5, 5), y)
    scene: Colours = (rng.uniform(80, 160) + rng.uniform(-45, 45, 3)) * blotches[..., np.newaxis]
    if person.hair_length > 0:
        crown = np.abs(np.minimum(y, 0) / (person.face_height + person.hair_volume)) ** 3
        mane = np.minimum(1 - np.abs(x / wide) ** 3 - crown, person.hair_length - y)
        scene = _over(scene, _step(mane, 0, 0.12), np.array(person.hair) * 0.75)
    else:
        ear = _bump(np.abs(x) - person.face_width, y - person.eye_y - 0.1, 0.09, 0.18)
        scene = _over(scene, _step(ear, 0.45, 0.6), skin * 0.72)
    neck = _step(person.face_width * 0.58 - np.abs(x), 0, 0.05) * _step(y, 0.2, 0.3)
    scene = _over(scene, neck, skin * 0.6)
    shoulders = 1 - np.abs(x / 1.15) ** 2.4 - np.abs((y - 1.65) / 0.72) ** 2.4
    return _over(scene, _step(shoulders, 0, 0.06), rng.uniform(40, 170) + rng.uniform(-35, 35, 3))
