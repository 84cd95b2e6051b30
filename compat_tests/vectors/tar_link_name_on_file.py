"""A plain file that names the target of a link."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "names a link", bundle(with_a(tar_header(b"a.txt", 5, linkname=b"/etc/passwd"))))
