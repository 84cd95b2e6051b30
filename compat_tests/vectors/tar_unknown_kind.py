"""An entry of a kind that no standard knows."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is of no known kind", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"Z"))))
