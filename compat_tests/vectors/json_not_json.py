"""No JSON."""

from crafting import vector

vector(__file__, "voice", "is not JSON", b"name: ada", reads="json")
