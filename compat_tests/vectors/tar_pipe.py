"""A named pipe stands where a member must: whoever opens it waits for ever."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "unsafe", "is a pipe", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"6"))))
