"""Two entries of one name: readers disagree on which one counts."""

from crafting import vector, zip_with_a_name_twice

vector(__file__, "file", "has two files of one name", zip_with_a_name_twice(), reads="torchscript")
