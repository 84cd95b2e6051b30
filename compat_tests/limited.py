"""Run a program within limits that it cannot lift.

    python -I limited.py FILE_BYTES CPU_S MEMORY_BYTES PROGRAM ARGUMENT...

Standard library alone, because it is started as a program of its own: limits set here hold for whatever it becomes and
for every child of that, and hold on when whoever started it is gone. 0 sets no limit. Ends with 127 if there is no such
program.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

NOT_STARTED = 127


def main() -> int:
    """Set the limits and become the program."""
    file_bytes, cpu_s, memory_bytes = (int(word) for word in sys.argv[1:4])
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, file_bytes or resource.RLIM_INFINITY),
        (resource.RLIMIT_CPU, cpu_s or resource.RLIM_INFINITY),
        (resource.RLIMIT_AS, memory_bytes or resource.RLIM_INFINITY),
    ):
        hard = resource.getrlimit(kind)[1]
        wanted = (
            limit if hard == resource.RLIM_INFINITY else hard if limit == resource.RLIM_INFINITY else min(limit, hard)
        )
        resource.setrlimit(kind, (wanted, wanted))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what it becomes would go on doing so
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(sys.argv[4], sys.argv[4:])
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
    return NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
