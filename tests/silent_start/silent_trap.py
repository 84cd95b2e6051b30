"""The trap: an audit hook that sees every socket of this process, refuses what no test asked for, and writes it down.

Writing down matters more than refusing: who reports home swallows his errors. It is also put into every process that
is started from here, on Python's own search path (`sitecustomize.py` beside this file), and into their children; also
where the environment is emptied, and where Python is told to ignore it (-I, -E). What it cannot see: sockets that are
opened below Python, and programs that are no Python. `tests/test_silence_below.py` looks there.

    LIFECYCLE_TEST_SOCKETS       what is allowed: "" or words of ALLOWANCES
    LIFECYCLE_TEST_SOCKETS_LOG   a file: a line for everything that was refused
    -X lifecycle-isolated        in place of -I and -E: a child that looks into no directory of PYTHONPATH but this one

Standard library alone, and no import that Python has not made at its start: this runs before every child's first line.
"""

from __future__ import annotations

import os
import sys

ALLOWED, LOG, ISOLATED = "LIFECYCLE_TEST_SOCKETS", "LIFECYCLE_TEST_SOCKETS_LOG", "lifecycle-isolated"
ALLOWANCES = (
    "loopback",  # internet addresses of this machine itself: a server that the test started
    "unix",  # sockets with a path: a container engine's
    "network",  # all of it: tests that install packages, none of which is in the default suite
    "ipv6-question",  # urllib3 binds a socket to ::1 when it is imported, to learn whether there is IPv6
)
HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  no pathlib at a child's start
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_WITH_ADDRESS = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
_LOOK_UPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_IGNORING_LETTERS, _SITELESS_LETTER = "IE", "S"
_WITH_VALUE = "cmWX"  # of Python's own options: the rest of the word, or the next word, is theirs


class SocketRefusedError(PermissionError):
    """A socket that no test asked for."""


def install() -> None:
    """Watch this process from now on, and all that it will start. Nothing takes it away again."""
    if getattr(sys, "lifecycle_trap", False):
        return
    sys.lifecycle_trap = True  # type: ignore[attr-defined]
    search = os.environ.get("PYTHONPATH", "")
    if HERE not in search.split(os.pathsep):
        os.environ["PYTHONPATH"] = HERE + (os.pathsep + search if search else "")
    os.environ.setdefault(ALLOWED, "")
    sys.addaudithook(_watch)


def allowed() -> list[str]:
    """What this process may do now."""
    return os.environ.get(ALLOWED, "").split()


def _watch(event: str, arguments: tuple) -> None:
    if event == "subprocess.Popen":
        _pass_on(*arguments)
    elif event.startswith("socket."):
        words = allowed()
        if "network" not in words and not _is_allowed(event, arguments, words):
            _refuse(event, arguments)


def _is_allowed(event: str, arguments: tuple, words: list[str]) -> bool:
    asks_for_ipv6 = "ipv6-question" in words and _within("_has_ipv6", "urllib3.util.connection")
    if event == "socket.__new__":
        family = int(arguments[1])
        return family in (-1, _AF_UNIX) or (family in (_AF_INET, _AF_INET6) and ("loopback" in words or asks_for_ipv6))
    if event in _WITH_ADDRESS:
        address = arguments[1]
        if isinstance(address, tuple):
            return _is_loopback(address[0]) and ("loopback" in words or (asks_for_ipv6 and address[1] == 0))
        if address is None:  # goes where the socket is connected to, which was looked at then
            return True
        return "unix" in words
    if event in _LOOK_UPS:
        host = arguments[0][0] if event == "socket.getnameinfo" else arguments[0]
        return "loopback" in words and (host is None or _is_loopback(host))
    return True  # gethostname, sethostname, ...: nothing leaves


def _is_loopback(host: object) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)
    return text in ("localhost", "::1") or (text.startswith("127.") and text.replace(".", "").isdigit())


def _within(function: str, module: str) -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__", "").endswith(module):
            return True
        frame = frame.f_back
    return False


def _refuse(event: str, arguments: tuple) -> None:
    shown = [repr(argument) for argument in arguments if isinstance(argument, (int, str, bytes, tuple))]
    line = f"{event} {' '.join(shown)[:200]} in {os.getpid()}: {' '.join(getattr(sys, 'argv', ['?']))[:200]}\n"
    path = os.environ.get(LOG)
    if path:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode("utf-8", "replace"))
        os.close(descriptor)
    raise SocketRefusedError(f"no test asked for this socket: {line}")


def _pass_on(executable: object, arguments: list, directory: object, environment: dict | None) -> None:
    """Let the trap go along into a child.

    `Popen` raises this event with the very list and the very dict that it then uses, so both can be changed here.
    """
    if environment is not None and environment is not os.environ:
        _add(environment)
    name = os.fsdecode(executable or arguments[0]).rpartition("/")[2]
    if not name.startswith(("python", "pypy")):
        return
    options = python_options(arguments)
    if any(_SITELESS_LETTER in letters for _, letters in options):
        raise SocketRefusedError(f"python -S starts without the trap: {arguments!r}")
    ignoring = [(place, letters) for place, letters in options if set(_IGNORING_LETTERS) & set(letters)]
    for place, letters in reversed(ignoring):
        left = "".join(letter for letter in letters if letter not in _IGNORING_LETTERS)
        as_bytes = isinstance(arguments[place], bytes)
        word = "-" + left + os.fsdecode(arguments[place])[1 + len(letters) :]
        arguments[place : place + 1] = [os.fsencode(word) if as_bytes else word] if word != "-" else []
    if ignoring:  # what -I would have done, but for our own directory; `forget_search_path` does the rest, in the child
        arguments[1:1] = ["-s", "-P", "-X", ISOLATED]


def python_options(arguments: list) -> list[tuple[int, str]]:
    """(place, letters) of each word of single-letter options before the program that Python is to run."""
    found = []
    place = 1
    while place < len(arguments):
        word = os.fsdecode(arguments[place])
        if not word.startswith("-") or word in ("-", "--") or word.startswith("--"):
            break
        letters = ""
        for letter in word[1:]:
            if letter in _WITH_VALUE:
                break
            letters += letter
        found.append((place, letters))
        rest = word[1 + len(letters) :]
        if rest[:1] in ("c", "m"):
            break
        place += 2 if rest and len(rest) == 1 else 1
    return found


def _add(environment: dict) -> None:
    in_bytes = any(isinstance(name, bytes) for name in environment)
    search = environment.get(b"PYTHONPATH" if in_bytes else "PYTHONPATH", "")
    search = os.fsdecode(search)
    values = {ALLOWED: os.environ.get(ALLOWED, ""), LOG: os.environ.get(LOG, "")}
    if HERE not in search.split(os.pathsep):
        values["PYTHONPATH"] = HERE + (os.pathsep + search if search else "")
    for name, value in values.items():
        environment[os.fsencode(name) if in_bytes else name] = os.fsencode(value) if in_bytes else value


def forget_search_path() -> None:
    """In a child: take our directory off the path again; all of PYTHONPATH, where it was to be ignored."""
    given = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    gone = {HERE, *given} if ISOLATED in sys._xoptions else {HERE}
    sys.path[:] = [part for part in sys.path if part not in gone]
