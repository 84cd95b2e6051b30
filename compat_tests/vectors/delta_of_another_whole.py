"""A delta whose pieces make another payload than it promises."""

from crafting import delta, vector

vector(__file__, "damaged", "the bundle id 0000", delta(told=lambda ids: ids | {"full": "0" * 64}), reads="delta")
