"""A member behind the last whose name leads out of the directory."""

from crafting import END, GOOD, bundle, payload, tar_entry, vector

vector(
    __file__,
    "unsafe",
    "leads out of the directory",
    (bundle(payload(GOOD))[:-1024] + tar_entry(b"../x.par2", b"") + END),
)
