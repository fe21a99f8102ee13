"""The law by which a count grows is one that it obeys, or is called near."""

from __future__ import annotations

from derivkit.growth import fit_growth_law


def test_a_law_holds_at_every_depth_or_is_none() -> None:
    n = [4, 6, 8, 12, 16]
    quadratic = [2 * k * k - k + 3 for k in n]
    assert fit_growth_law(n, quadratic).text == "2 n^2 - n + 3"
    quadratic[2] += 1
    assert fit_growth_law(n, quadratic).degree is None
    assert fit_growth_law(n, [3.0**k for k in n]).text == "like 3^n"
    assert fit_growth_law(n, [float(round(k**1.5)) for k in n]).text.startswith("like n^1.")
    assert fit_growth_law([4, 6, 8], [1, 4, 2]).degree is None
    assert fit_growth_law([8], [1]).text == ""
