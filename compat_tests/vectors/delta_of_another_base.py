"""A delta of a bundle with another id than the one that is given."""

from crafting import delta, vector

vector(__file__, "base", "the one that is needed", delta(told=lambda ids: ids | {"base": "0" * 64}), reads="delta")
