"""A delta that does not say of which bundle."""

from crafting import delta, vector

vector(__file__, "format", "in no known way", delta(told={"base": 1}), reads="delta")
