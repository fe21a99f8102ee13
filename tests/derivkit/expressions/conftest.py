"""What the tests of the parser share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from derivkit.expressions.expression import parse
from derivkit.expressions.tokens import ParseError


@pytest.fixture
def caught() -> Callable[[str], ParseError]:
    """A function that gives the error by which a text is refused."""

    def catch(text: str) -> ParseError:
        with pytest.raises(ParseError) as info:
            parse(text)
        return info.value

    return catch
