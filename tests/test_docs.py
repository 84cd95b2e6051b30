"""The documents tell the truth: every verb has a page with its real --help, and README's tree is the real tree.

`make docs` (this file, run as a program) writes the --help blocks again.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from lifecycle.cli import VERBS, main

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?<=<!-- help -->\n)```text\n.*?```(?=\n<!-- /help -->)", re.DOTALL)
NEW_PAGE = "# lifecycle {verb}\n\n<!-- help -->\n```text\n```\n<!-- /help -->\n"
ROOMS = ("archive", "core_model", "lifecycle", "privacy")
TREE_LINE = re.compile(r"^(?P<indent> *)(?P<name>[\w.]+/?)(?: {2,}(?P<told>.+))?$")


def help_block(verb: str) -> str:
    """Return what `lifecycle VERB --help` prints on a terminal of 100 columns, as a code block."""
    result = CliRunner().invoke(main, [verb, "--help"], prog_name="lifecycle", terminal_width=100)
    assert result.exit_code == 0
    return f"```text\n{result.output}```"


def page(verb: str) -> Path:
    return ROOT / "docs" / f"{verb}.md"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_page_with_its_real_help(verb: str) -> None:
    block = BLOCK.search(page(verb).read_text())
    assert block, f"docs/{verb}.md has no <!-- help --> block"
    assert block.group() == help_block(verb), "run `make docs`"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_in_the_readme(verb: str) -> None:
    assert f"docs/{verb}.md" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_does(verb: str) -> None:
    command = main.get_command(None, verb)  # type: ignore[arg-type]
    assert command is not None
    assert command.help
    options = [parameter.to_info_dict() for parameter in command.params if parameter.param_type_name == "option"]
    assert [option["name"] for option in options if not option.get("help")] == []


def tree_in_readme() -> list[str]:
    """Return the paths that README's tree shows, directories with a slash at the end."""
    block = re.search(r"<!-- tree -->\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block
    paths, parents = [], [""]
    for line in block.group(1).splitlines():
        match = TREE_LINE.match(line)
        assert match, f"not a line of the tree: {line!r}"
        depth = len(match["indent"]) // 2
        path = parents[depth] + match["name"]
        parents[depth + 1 :] = [path]
        paths.append(path)
    return paths


def test_the_tree_in_the_readme_is_the_real_one() -> None:
    """Every room shows its modules and packages, one line each; what is in a package, its own directory tells."""
    shown = {path for path in tree_in_readme() if path.split("/")[0] in ROOMS}
    real = {f"{room}/" for room in ROOMS}
    for room in ROOMS:
        real |= {f"{room}/{p.name}" for p in (ROOT / room).glob("*.py") if p.name != "__init__.py"}
        real |= {f"{room}/{p.parent.name}/" for p in (ROOT / room).glob("*/__init__.py")}
    assert shown == real


def test_every_path_in_the_tree_exists() -> None:
    assert [path for path in tree_in_readme() if not (ROOT / path).exists()] == []


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_target_of_the_makefile_that_the_readme_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text())) <= targets


def test_torch_is_pinned_to_the_same_version_everywhere() -> None:
    pinned = re.search(r"^TORCH \?= torch==(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned
    assert f"torch {pinned[1]}" in (ROOT / "README.md").read_text()
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "torch>=2.6" in metadata["project"]["dependencies"]


def write_help_blocks() -> None:
    """Write the --help of every verb into its page."""
    for verb in VERBS:
        path = page(verb)
        text = (
            path.read_text()
            if path.exists()
            else f"# lifecycle {verb}\n\n<!-- help -->\n```text\n```\n<!-- /help -->\n"
        )
        path.write_text(BLOCK.sub(lambda _, verb=verb: help_block(verb), text))


if __name__ == "__main__":
    write_help_blocks()
