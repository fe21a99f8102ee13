r"""Hessians beside second derivatives of f along lines.

With independent normal directions v and w, :math:`v^T H w` is the product of H, as n^2 numbers, with the symmetric
matrix :math:`M = (v w^T + w v^T) / 2`. That has rank 2: :math:`\langle M, H\rangle = \sum_i \lambda_i u_i^T H u_i` with
its eigenvalues and eigenvectors, two second derivatives along lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derivkit.multivariate.checking.directions import STREAM, Directions
from derivkit.multivariate.checking.evidence import Evidence, Witness
from derivkit.multivariate.checking.sizes import PRODUCTS, Law
from derivkit.multivariate.checking.slopes import Slope, Window, slope_along
from derivkit.types import Array, Indices

NEGLIGIBLE = 1e-12
"""Eigenvalues below this part of the largest are 0 but for rounding."""
ASYMMETRY = 1e-9
"""Entries that differ from their mirror images by more than this part of the largest are wrong: one of the two is. A
choice, since a Hessian that is computed row by row is rounded in each."""


@dataclass(frozen=True, eq=False)
class Pairs(Directions):
    """Symmetric products of two random directions, as n^2 numbers, or all single entries."""

    @property
    def law(self) -> Law:
        """Of the products with an error of one size."""
        return PRODUCTS

    @property
    def length(self) -> float:
        """Lines have their unit in `HessianWitness`."""
        return 1.0

    @property
    def unit(self) -> Array | float:
        """That of both variables of a second derivative."""
        return 1.0 if self.scales is None else np.outer(self.scales, self.scales).ravel()

    def vector(self, j: int) -> Array:
        """One of them, shape ``(n * n,)``."""
        if self.singly:
            return super().vector(j)
        n = round(self.size**0.5)
        v, w = np.random.default_rng([self.seed, j, STREAM]).standard_normal((2, n)) * (
            1.0 if self.scales is None else self.scales
        )
        return np.asarray(0.5 * (np.outer(v, w) + np.outer(w, v)).ravel())


class HessianWitness(Witness):
    """Measures products of the Hessian of f with symmetric matrices."""

    @property
    def noun(self) -> str:
        """What the claim is."""
        return "Hessian"

    @property
    def float32(self) -> bool:
        """Nothing is measured by slopes."""
        return False

    def slope(
        self,
        vector: Array,
        *,
        top: float | None = None,
        side: str | None = None,
        window: Window | None = None,  # noqa: ARG002 -- a window for slopes is none for second derivatives
        past_kinks: bool = True,  # noqa: ARG002 -- they have no second derivatives
    ) -> Slope:
        """The product with a matrix, of which the symmetric part counts; all but few eigenvalues are 0."""
        scales = np.ones(self.x.size) if self.directions.scales is None else self.directions.scales
        matrix = (vector / self.directions.unit).reshape(self.x.size, self.x.size)
        weights, axes = np.linalg.eigh(0.5 * (matrix + matrix.T))
        used = np.flatnonzero(np.abs(weights) > NEGLIGIBLE * np.abs(weights).max())
        lines = (scales * axes[:, k] for k in used)
        bends = [slope_along(self.calls, self.x, self.value, line, top=top, side=side, order=2) for line in lines]
        worst = next((bend for bend in bends if not np.isfinite(bend.value).all()), bends[0])
        none = np.full(self.value.shape, np.nan)
        return Slope(
            value=np.sum([weights[k] * bend.value for k, bend in zip(used, bends, strict=True)], axis=0),
            error=np.sum([abs(weights[k]) * bend.error for k, bend in zip(used, bends, strict=True)], axis=0),
            status=worst.status,
            left=none,
            right=none,
            noise=np.max([bend.noise for bend in bends], axis=0),
            delta=np.min([bend.delta for bend in bends], axis=0),
        )

    def nearby(
        self,
        vector: Array,
        *,
        window: Window | None = None,  # noqa: ARG002 -- as above
        past_kinks: bool = True,  # noqa: ARG002 -- as above
    ) -> dict[str, Array]:
        """By a search as everywhere."""
        return self.row(vector)

    def _in(self, window: Window, vector: Array) -> None:
        """None: see `slope`."""

    def searched(self, evidence: Evidence) -> Evidence:
        """Nothing rests on a window."""
        return evidence

    def name(self, row: int, column: int) -> str:  # noqa: ARG002 -- f gives one value
        """The two entries of x."""
        first, second = divmod(column, self.x.size)
        return f"{self.calls.structure.name(first)}, {self.calls.structure.name(second)}"

    @property
    def relative_unit(self) -> Array | float:
        """That of both variables."""
        scales = np.broadcast_to(super().relative_unit, self.x.size)
        return np.outer(scales, scales).ravel()

    @property
    def blocks(self) -> list[tuple[str, Indices]]:
        """Second derivatives by an array of x and by any."""
        places = np.arange(self.size).reshape(self.x.size, self.x.size)
        return [(name, places[:, place].ravel()) for name, place, _ in self.calls.structure.blocks]

    @property
    def asymmetry(self) -> float:
        """Size of the antisymmetric part of the claim, which is wrong, and which no product shows."""
        matrix = (self.claimed * self.directions.unit).reshape(self.x.size, self.x.size)
        return float(np.linalg.norm(0.5 * (matrix - matrix.T)))

    def unlike(self) -> Indices:
        """Entries above the diagonal that differ from their mirror images, the largest difference first."""
        matrix = self.claimed.reshape(self.x.size, self.x.size)
        difference = np.abs(np.triu(matrix - matrix.T)).ravel()
        order = np.argsort(-difference, kind="stable")
        chosen: Indices = order[difference[order] > ASYMMETRY * np.abs(matrix).max()]
        return chosen
