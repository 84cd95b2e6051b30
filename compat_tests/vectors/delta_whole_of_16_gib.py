"""A whole of 16 GiB out of a delta of some hundred bytes: the same piece again and again."""

from crafting import compact, delta, vector

LARGEST = 8**11 - 1
NAMES = ("a.txt", "b.txt")
size = 0
while True:
    offset, listed = 512 + size + -size % 512, []
    for name in NAMES:
        offset += 512
        entry = {"format": "bytes", "offset": offset, "path": name, "size": LARGEST, "version": 1}
        listed.append({**entry, "sha256": "0" * 64})
        offset += LARGEST + 1
    whole = compact({"description": {}, "format": "lifecycle-bundle", "members": listed, "version": 1})
    if len(whole) == size:
        break
    size = len(whole)

vector(__file__, "format", "holds less than 8 GiB", delta(whole=whole), reads="delta")
