"""A member that the manifest does not list."""

from crafting import END, GOOD, bundle, payload, tar_entry, vector

vector(__file__, "damaged", "as the manifest adds up", bundle(payload(GOOD)[:-1024] + tar_entry(b"extra", b"") + END))
