"""A header whose checksum is wrong."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "damaged", "right checksum", bundle(with_a(tar_header(b"a.txt", 5, checksum=b"000000\0 "))))
