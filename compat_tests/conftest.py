"""pytest compat_tests --voice FILE --runner CMD: one test for each layer and golden sentence of one voice.

Knows the options and where results are kept; what is asked and what answers are worth is suite.py's. Without --voice
the tests of a voice are not collected, with it they alone are.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.age.keys import parse_identities
from archive.errors import ArchiveError
from archive.ssh_keys import TrustedKey, parse_trusted
from compat_tests.errors import CompatError
from compat_tests.goldens import Golden, read_golden
from compat_tests.opening import Opened, open_voice
from compat_tests.runner import ENVIRONMENT, Runner
from compat_tests.runner_source import RunnerSource
from compat_tests.suite import Assessment, assess
from compat_tests.xfails import read_xfails

_TRAP = Path(__file__).resolve().parent.parent / "tests" / "silent.py"
_OF_A_VOICE = "test_voice.py"
_MOST_KEY_BYTES = 64 << 10


@dataclass
class UnderTest:
    """One voice, one runner, and what came of them once somebody asked."""

    opened: Opened
    golden: Golden
    source: RunnerSource
    xfails: dict[str, str] = field(default_factory=dict)
    assessed: Assessment | None = None

    def assessment(self) -> Assessment:
        """Every layer, asked once for all tests."""
        if self.assessed is None:
            self.assessed = assess(self.opened.directory, self.source, fixity=self.opened.fixity)
        return self.assessed


_KEY = pytest.StashKey[UnderTest]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("voice", "judge a voice through a runner (compat_tests/RUNNER.md)")
    group.addoption("--voice", metavar="FILE", help="A bundle, or the directory of an unpacked voice.")
    group.addoption("--runner", metavar="CMD", help="The runner's command, split as a shell would and run without one.")
    group.addoption("--runner-env", metavar="NAME=VALUE", action="append", default=[], help="A variable it is to see.")
    group.addoption("--runner-time", metavar="S", type=float, default=600.0, help="Seconds for one call; else 600.")
    group.addoption("--identity", metavar="KEYFILE", action="append", default=[], help="Identities that open it.")
    group.addoption("--trust", metavar="KEY", action="append", default=[], help="A file of keys; one must have signed.")
    group.addoption("--accept-unsigned", action="store_true", help="Take a bundle by anybody.")
    group.addoption("--xfails", metavar="FILE", help="Known failures, `test-id: reason` a line. Strict.")


def pytest_configure(config: pytest.Config) -> None:
    """Open the voice, so that there is one test for each of its golden sentences. A refusal ends the run."""
    _trap_sockets(config)
    voice, runner = config.getoption("--voice"), config.getoption("--runner")
    if bool(voice) != bool(runner):
        raise pytest.UsageError("--voice and --runner go together")
    if not voice:
        return
    place = Path(tempfile.mkdtemp(prefix="compat-"))
    config.add_cleanup(lambda: shutil.rmtree(place, ignore_errors=True))
    try:
        opened = _opened(config, Path(voice), place / "voice")
        golden = read_golden(opened.directory)
        source = RunnerSource(opened.directory, _runner(config, runner), place / "work")
        under_test = UnderTest(opened, golden, source)
        if config.getoption("--xfails"):
            under_test.xfails = read_xfails(Path(config.getoption("--xfails")), _ids(golden))
    except (ArchiveError, CompatError, OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_KEY] = under_test


def _trap_sockets(config: pytest.Config) -> None:
    """In the repository no test opens a socket; what a stranger's runner does to a stranger's voice is not ours."""
    if config.getoption("--voice") or config.pluginmanager.has_plugin("silent") or not _TRAP.is_file():
        return
    from tests import silent

    silent.install()
    config.pluginmanager.register(silent, "silent")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --voice the tests of that voice alone, without it all others."""
    if collection_path.parent == Path(__file__).parent and collection_path.name.startswith("test_"):
        return (collection_path.name == _OF_A_VOICE) != (_KEY in config.stash) or None
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each golden sentence."""
    if "golden_id" in metafunc.fixturenames:
        metafunc.parametrize("golden_id", [sentence.id for sentence in metafunc.config.stash[_KEY].golden.sentences])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Known failures must fail; and the suite's own limits hold, not one for each test: the first asks everything."""
    if _KEY not in config.stash:
        return
    for item in items:
        name = item.name.removeprefix("test_")
        reason = config.stash[_KEY].xfails.get(name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if config.pluginmanager.hasplugin("timeout"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture
def under_test(request: pytest.FixtureRequest) -> UnderTest:
    """The voice and the runner that the options name."""
    return request.config.stash[_KEY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The first layer that drifted and its likely cause, in two lines."""
    assessed = config.stash[_KEY].assessed if _KEY in config.stash else None
    if assessed is None:
        return
    terminalreporter.section(f"{assessed.runtime}, recorded {assessed.recorded}")
    if assessed.diagnosis and assessed.cause:
        terminalreporter.line(f"The first layer that differs: {assessed.diagnosis.name}. {assessed.diagnosis.told}")
        terminalreporter.line(f"Likely cause: {assessed.cause.kind}. {assessed.cause.told}")
    else:
        terminalreporter.line("Nothing that ran has drifted.")


def _opened(config: pytest.Config, path: Path, destination: Path) -> Opened:
    identities = tuple(one for name in config.getoption("--identity") for one in parse_identities(_small(Path(name))))
    trusted: list[TrustedKey] | None = [
        key for name in config.getoption("--trust") for key in parse_trusted(_small(Path(name)))
    ]
    if config.getoption("--accept-unsigned"):
        trusted = None
    elif not trusted and not path.is_dir():
        raise ValueError("whose bundle may it be? --trust KEY names somebody, --accept-unsigned takes anybody's")
    return open_voice(path, destination, identities=identities, trusted=trusted, now=datetime.now(UTC))


def _runner(config: pytest.Config, command: str) -> Runner:
    environment = dict(ENVIRONMENT) | {"PATH": os.environ.get("PATH", os.defpath)}
    for given in config.getoption("--runner-env"):
        name, equals, value = given.partition("=")
        if not name or not equals:
            raise ValueError(f"--runner-env asks for NAME=VALUE, not {given!r}")
        environment[name] = value
    return Runner(shlex.split(command), time_limit_s=config.getoption("--runner-time"), environment=environment)


def _ids(golden: Golden) -> set[str]:
    """The ids of all tests of a voice."""
    each = {f"{layer}[{sentence.id}]" for layer in ("text", "tokens", "waveform") for sentence in golden.sentences}
    return each | {"describe", "fixity", "identity", "speak"}


def _small(path: Path) -> str:
    if path.stat().st_size > _MOST_KEY_BYTES:
        raise ValueError(f"{path.name} is far too long for a key")
    return path.read_text("utf-8-sig")
