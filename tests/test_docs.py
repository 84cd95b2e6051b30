"""The documents tell the truth: every verb has a page with its real --help, and README's tree is the real tree.

`make docs` (this file, run as a program) writes both again.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lifecycle.cli import VERBS, main
from tests.test_forecast_page import write_rules

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?P<head><!-- help(?: (?P<part>[a-z]+))? -->\n)```text\n.*?```(?=\n<!-- /help -->)", re.DOTALL)
NEW_PAGE = "# lifecycle {verb}\n\n<!-- help -->\n```text\n```\n<!-- /help -->\n"
ROOMS = ("archive", "compat_tests", "containers", "core_model", "lifecycle", "privacy")
TREE = re.compile(r"(?<=<!-- tree -->\n)```text\n.*?```", re.DOTALL)


def help_block(verb: str, part: str | None = None) -> str:
    """Return what `lifecycle VERB [PART] --help` prints on a terminal of 100 columns, as a code block."""
    words = [verb, part, "--help"] if part else [verb, "--help"]
    result = CliRunner().invoke(main, words, prog_name="lifecycle", terminal_width=100)
    assert result.exit_code == 0
    return f"```text\n{result.output}```"


def parts(verb: str) -> dict[str, click.Command]:
    """The commands of a verb that is a group of them; {} for most."""
    command = main.get_command(None, verb)  # type: ignore[arg-type]
    return dict(command.commands) if isinstance(command, click.Group) else {}


def page(verb: str) -> Path:
    return ROOT / "docs" / f"{verb}.md"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_page_with_its_real_help(verb: str) -> None:
    blocks = {block["part"]: block for block in BLOCK.finditer(page(verb).read_text())}
    assert set(blocks) == {None, *parts(verb)}, f"docs/{verb}.md has not one <!-- help --> block for each command"
    for part, block in blocks.items():
        assert block.group() == block["head"] + help_block(verb, part), "run `make docs`"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_in_the_readme(verb: str) -> None:
    assert f"docs/{verb}.md" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_does(verb: str) -> None:
    command = main.get_command(None, verb)  # type: ignore[arg-type]
    assert command is not None
    for each in (command, *parts(verb).values()):
        assert each.help
        options = [parameter.to_info_dict() for parameter in each.params if parameter.param_type_name == "option"]
        assert [option["name"] for option in options if not option.get("help")] == []


def told_of(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    first_line = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    return re.split(r"\.(?: |$)", first_line)[0]


def tree() -> str:
    """Return the rooms with their modules and packages, one line each."""
    lines = []
    for room in ROOMS:
        lines.append((f"{room}/", told_of(ROOT / room / "__init__.py")))
        packages = sorted(path.parent for path in (ROOT / room).glob("*/__init__.py"))
        modules = sorted(path for path in (ROOT / room).glob("*.py") if path.name != "__init__.py")
        lines += [(f"  {path.name}/", told_of(path / "__init__.py")) for path in packages]
        lines += [(f"  {path.name}", told_of(path)) for path in modules]
    return (
        "```text\n"
        + "".join(f"{name:<23} {textwrap.shorten(told, 96, placeholder=' …')}".rstrip() + "\n" for name, told in lines)
        + "```"
    )


def test_the_tree_in_the_readme_is_the_real_one() -> None:
    block = TREE.search((ROOT / "README.md").read_text())
    assert block
    assert block.group() == tree(), "run `make docs`"


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


def write() -> None:
    """Write the --help of every verb into its page, and the tree into the README."""
    readme = ROOT / "README.md"
    readme.write_text(TREE.sub(lambda _: tree(), readme.read_text()))
    for verb in VERBS:
        path = page(verb)
        text = (
            path.read_text()
            if path.exists()
            else f"# lifecycle {verb}\n\n<!-- help -->\n```text\n```\n<!-- /help -->\n"
        )
        path.write_text(BLOCK.sub(lambda block, verb=verb: block["head"] + help_block(verb, block["part"]), text))
    write_rules()


if __name__ == "__main__":
    write()
