"""Runs commands of the console one after another, each in a fork with bounds: started once.

    python driver.py FOLDER SECONDS BYTES <commands as JSON

Each command leaves FOLDER/N.out and FOLDER/N.err; standard output is a JSON list of exit codes.
"""

import json
import os
import resource
import sys
from pathlib import Path

from localai_ci.cli import app, commands, matrix, plan
from localai_ci.plan import decide, github, html, report, sources

LOADED = (commands, matrix, plan, decide, github, html, report, sources)


def child(folder: Path, number: int, command: list[str], seconds: int, size: int) -> None:
    """Become one command."""
    for name, descriptor in (("out", 1), ("err", 2)):
        file = os.open(folder / f"{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    sys.argv = ["localai-ci", *command]
    app()


def main(folder: Path, seconds: int, size: int) -> None:
    """Run them all."""
    codes = []
    for number, command in enumerate(json.load(sys.stdin)):
        pid = os.fork()
        if not pid:
            code = 0
            try:
                child(folder, number, command, seconds, size)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.stdout.write(json.dumps(codes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
