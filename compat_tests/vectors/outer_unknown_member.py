"""A member that no format of a bundle has."""

from crafting import END, GOOD, bundle, payload, tar_entry, vector

vector(__file__, "format", "must stand", (bundle(payload(GOOD))[:-1024] + tar_entry(b"setup.sh", b"") + END))
