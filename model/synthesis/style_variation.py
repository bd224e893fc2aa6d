"""Style variation: the same character by different illustrators."""

from __future__ import annotations

import random
from dataclasses import replace

from model.synthesis.identity import Identity
from model.synthesis.palette import Scheme, near
from model.synthesis.shapes import Build, Eyes, Hair

__all__ = ["redrawn"]

_LOOSENED = frozenset({"twin", "low_twin", "pony", "side", "braid", "twin_braids", "half_up"})


def redrawn(identity: Identity, rng: random.Random, freedom: float = 1.0) -> Identity:
    """The character with the proportions and colours of one illustrator.

    Args:
        identity: The character.
        rng: Where chance comes from.
        freedom: 0 changes nothing; 1 varies as much as different illustrators do, sometimes to a squat caricature or
            another hairdo; more also draws some characters as tall people with small eyes.
    """
    squat = rng.random() < 0.1 * freedom
    free = rng.random() * freedom
    if freedom > 1.0 and not squat and rng.random() < 0.25:
        identity = _lifelike(identity, rng.uniform(0.3, 1.0))
    hair = _hair(identity.hair, rng, free)
    if rng.random() < 0.06 * freedom:
        hair = _other_hairdo(hair, rng)
    return replace(
        identity,
        colours=_colours(identity.colours, rng, free),
        hair=hair,
        eyes=_eyes(identity.eyes, rng, free, squat),
        build=_build(identity.build, rng, free, squat),
    )


def _lifelike(identity: Identity, share: float) -> Identity:
    """The character with the proportions of a person, by a share of 0..1: small eyes, long face, long legs."""
    eyes, build = identity.eyes, identity.build
    return replace(
        identity,
        eyes=replace(
            eyes,
            width=eyes.width * (1.0 - 0.15 * share),
            height=eyes.height * (1.0 - 0.4 * share),
            level=eyes.level - 0.06 * share,
            lash=eyes.lash * (1.0 - 0.4 * share),
        ),
        build=replace(
            build,
            jaw=build.jaw * (1.0 + 0.05 * share),
            chin=build.chin + 0.08 * share,
            shoulders=build.shoulders * (1.0 + 0.15 * share),
            legs=build.legs * (1.0 + 0.2 * share),
            torso=build.torso * (1.0 + 0.1 * share),
        ),
    )


def _about(rng: random.Random, value: float, spread: float) -> float:
    return value * (1.0 + rng.uniform(-spread, spread))


def _hair(hair: Hair, rng: random.Random, free: float) -> Hair:
    return replace(
        hair,
        length=_about(rng, hair.length, 0.12 * free),
        volume=max(0.03, hair.volume + rng.gauss(0.0, 0.035) * free),
        flare=hair.flare + rng.gauss(0.0, 0.06) * free,
        wave=_about(rng, hair.wave, 0.4 * free),
        strands=hair.strands + (rng.choice((-1, 1)) if rng.random() < 0.3 * free and hair.strands > 4 else 0),
        reach=hair.reach + rng.gauss(0.0, 0.05) * free,
        jitter=tuple(value + rng.gauss(0.0, 0.3) * free for value in hair.jitter),
        locks=_about(rng, hair.locks, 0.18 * free),
        lock_width=_about(rng, hair.lock_width, 0.25 * free),
        tail_length=_about(rng, hair.tail_length, 0.2 * free),
        tail_width=_about(rng, hair.tail_width, 0.2 * free),
        tail_curl=hair.tail_curl + rng.gauss(0.0, 0.2) * free,
        spikes=hair.spikes if hair.spikes or rng.random() > 0.15 * free else 7,
    )


def _other_hairdo(hair: Hair, rng: random.Random) -> Hair:
    """Untie tied hair, or tie long hair."""
    if hair.tail in _LOOSENED:
        return replace(hair, tail="none", length=max(hair.length, 1.0 + hair.tail_length))
    if hair.tail == "none" and hair.length > 2.0:
        return replace(
            hair, tail=rng.choice(("pony", "low_twin", "side", "braid")), tail_length=hair.length, length=1.1
        )
    return hair


def _eyes(eyes: Eyes, rng: random.Random, free: float, squat: bool) -> Eyes:
    larger = 1.16 if squat else 1.0
    return replace(
        eyes,
        width=min(0.33, _about(rng, eyes.width, 0.12 * free) * larger),
        height=min(0.42, _about(rng, eyes.height, 0.2 * free) * larger),
        level=eyes.level + rng.gauss(0.0, 0.025) * free + (0.05 if squat else 0.0),
        tilt=eyes.tilt + rng.gauss(0.0, 0.04) * free,
        iris=_about(rng, eyes.iris, 0.12 * free),
        lash=_about(rng, eyes.lash, 0.35 * free),
        flick=_about(rng, eyes.flick, 0.5 * free),
        brow=_about(rng, eyes.brow, 0.4 * free),
        glint=eyes.glint if rng.random() > 0.5 * free else -eyes.glint,
    )


def _build(build: Build, rng: random.Random, free: float, squat: bool) -> Build:
    low = 0.5 if squat else 1.0
    return replace(
        build,
        jaw=_about(rng, build.jaw, 0.07 * free) * (1.06 if squat else 1.0),
        chin=build.chin + rng.gauss(0.0, 0.025) * free - (0.06 if squat else 0.0),
        shoulders=_about(rng, build.shoulders, 0.08 * free) * (0.74 if squat else 1.0),
        waist=_about(rng, build.waist, 0.08 * free),
        hips=_about(rng, build.hips, 0.08 * free) * (0.82 if squat else 1.0),
        legs=_about(rng, build.legs, 0.18 * free) * low,
        torso=_about(rng, build.torso, 0.08 * free) * (0.72 if squat else 1.0),
    )


def _colours(colours: Scheme, rng: random.Random, free: float) -> Scheme:
    left = near(rng, colours.eyes[0], free)
    right = left if colours.eyes[0] == colours.eyes[1] else near(rng, colours.eyes[1], free)
    return replace(
        colours,
        hair=near(rng, colours.hair, free),
        hair_second=near(rng, colours.hair_second, free),
        eyes=(left, right),
        skin=near(rng, colours.skin, 0.5 * free),
    )
