"""Numbers as words, against the obvious slow way back and against sayings that everyone knows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.text import numbers

SMALL = dict(zip(numbers._SMALL, range(20), strict=True)) | dict(
    zip(numbers._TENS[2:], range(20, 100, 10), strict=True)
)
SCALES = {name: 1000**power for power, name in enumerate(numbers._SCALES) if power}


def value(words: str) -> int:
    """The number that *words* says; the slow way back."""
    total = group = 0
    for word in words.replace("-", " ").replace(",", " ").split():
        if word == "hundred":
            group *= 100
        elif word in SCALES:
            total += group * SCALES[word]
            group = 0
        else:
            group += SMALL[word]
    return total + group


@settings(deadline=None)
@given(st.integers(0, 10**36 - 1))
def test_a_cardinal_says_its_number(number: int) -> None:
    assert value(numbers.cardinal(str(number))) == number


@settings(deadline=None, max_examples=50)
@given(st.integers(1100, 2099))
def test_a_year_says_its_number(year: int) -> None:
    words = numbers.year(str(year)).replace("oh ", "").split()
    if "thousand" in words or "hundred" in words:
        assert value(" ".join(words)) == year
    else:
        assert value(words[0]) * 100 + value(" ".join(words[1:])) == year


def test_beyond_the_names_of_numbers_digits_are_read() -> None:
    assert numbers.cardinal("1" * (numbers.LONGEST + 1)) == " ".join(["one"] * (numbers.LONGEST + 1))
    assert numbers.cardinal("0" * 5000 + "7") == "seven"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1", "first"),
        ("2", "second"),
        ("3", "third"),
        ("5", "fifth"),
        ("8", "eighth"),
        ("9", "ninth"),
        ("12", "twelfth"),
        ("20", "twentieth"),
        ("33", "thirty-third"),
        ("100", "one hundredth"),
        ("101", "one hundred and first"),
        ("1001", "one thousand and first"),
        ("1000000", "one millionth"),
    ],
)
def test_ordinals(text: str, said: str) -> None:
    assert numbers.ordinal(text) == said


@pytest.mark.parametrize(
    ("parts", "said"),
    [(("1", "2"), "one half"), (("3", "2"), "three halves"), (("3", "4"), "three fourths"), (("6", "1"), "six")],
)
def test_fractions(parts: tuple[str, str], said: str) -> None:
    assert numbers.fraction(*parts) == said


def test_a_fraction_over_zero_and_one_of_any_length_are_said() -> None:
    assert numbers.fraction("1", "0") == "one over zero"
    assert numbers.fraction("1" * 5000, "2" * 5000).endswith("seconds")
