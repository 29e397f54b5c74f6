"""Histories whose truth is known: what the judges of the benchmark are put before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TARGETS, METRICS, SHAPES = 10, 2, 25  # a matrix of 500 cells
CELLS = TARGETS * METRICS * SHAPES
PLANTED = 10  # losses in a matrix that has any
TAILS = 3.0  # degrees of freedom of Student's t: the fourth moment does not exist
DRIFT_SHARE = 0.5  # of the variance, where the temperature drifts
PERIODS = (20, 80)  # sessions that the temperature takes to come back
UNLIKE = 0.2  # how much cells of one target and metric differ in noise: standard deviation of the logarithm


@dataclass(frozen=True)
class Noise:
    """How sessions vary: tails, memory of the session before, and a temperature that the target's cells share."""

    name: str
    heavy: bool = False
    phi: tuple[float, float] = (0.0, 0.0)  # of each target, drawn between
    drift: bool = False


KINDS = (
    Noise("independent, normal"),
    Noise("heavy tails (t, 3 df)", heavy=True),
    Noise("autocorrelated (0.3-0.7)", phi=(0.3, 0.7)),
    Noise("drifting temperature", drift=True),
    Noise("all of them", heavy=True, phi=(0.3, 0.7), drift=True),
)


def groups() -> NDArray[np.int64]:
    """Return the (target, metric) of each cell, numbered. [CELLS]"""
    return np.repeat(np.arange(TARGETS * METRICS), SHAPES)


def coefficients(rng: np.random.Generator, low: float, high: float) -> Array:
    """Return each cell's coefficient of variation: one a target and metric, its cells around it. [CELLS]"""
    each = np.exp(rng.uniform(np.log(low), np.log(high), TARGETS * METRICS))
    unlike = np.exp(rng.normal(0, UNLIKE, CELLS)) if low < high else 1.0
    return np.asarray(np.clip(np.repeat(each, SHAPES) * unlike, low, high))


def history(rng: np.random.Generator, noise: Noise, cv: Array, sessions: int) -> Array:
    """Return logarithms of `sessions` values of each cell, without any change, with standard deviation `cv`. [M, S]"""
    target = np.repeat(np.arange(TARGETS), CELLS // TARGETS)
    phi = rng.uniform(noise.phi[0], noise.phi[1], TARGETS)[target]
    own = _autoregressive(rng, noise, phi, sessions)
    if noise.drift:
        own = np.sqrt(1 - DRIFT_SHARE) * own + np.sqrt(DRIFT_SHARE) * _temperature(rng, sessions)[target]
    return own * cv[:, None]


def _autoregressive(rng: np.random.Generator, noise: Noise, phi: Array, sessions: int) -> Array:
    shape = (CELLS, sessions + 30)
    shocks = rng.standard_t(TAILS, shape) / np.sqrt(TAILS / (TAILS - 2)) if noise.heavy else rng.normal(size=shape)
    values = np.empty(shape)
    values[:, 0] = shocks[:, 0]
    for at in range(1, shape[1]):
        values[:, at] = phi * values[:, at - 1] + np.sqrt(1 - phi**2) * shocks[:, at]
    return values[:, 30:]


def _temperature(rng: np.random.Generator, sessions: int) -> Array:
    """A slow wave a target, with its own period and phase, scaled to a standard deviation of one. [TARGETS, S]"""
    period = np.exp(rng.uniform(np.log(PERIODS[0]), np.log(PERIODS[1]), TARGETS))[:, None]
    phase = rng.uniform(0, 2 * np.pi, TARGETS)[:, None]
    return np.asarray(np.sqrt(2) * np.sin(2 * np.pi * np.arange(sessions) / period + phase))
