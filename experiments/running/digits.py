"""The handwritten digits of scikit-learn, 1797 images of 8 by 8, which come with it: no internet is needed."""

from __future__ import annotations

import derivkit as dk

BRIGHTEST = 16.0
"""A pixel is a whole number from 0 to 16."""


def load() -> dk.Data:
    """Return the digits, each pixel from 0 to 1.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415 -- the extra `data`, which nothing else needs

    images, labels = load_digits(return_X_y=True)
    return dk.Data("digits", dk.Samples(images / BRIGHTEST, labels))
