"""A pickle that runs a command behind a harmless one."""

from crafting import HARMFUL_PICKLE, script, torchscript, vector

vector(
    __file__,
    "file",
    "hides something behind a pickle",
    torchscript(script("y = x"), b"\x80\x02}." + HARMFUL_PICKLE),
    reads="torchscript",
)
