"""A key twice in voice.json."""

from crafting import vector

vector(__file__, "file", "the key 'name' twice", b'{"name": "ada", "name": "eve"}', reads="json")
