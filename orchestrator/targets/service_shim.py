"""Becomes the service of a `local` release. Started by `local_service.py` as a program of its own, in a session of its own.

It waits, then decides, and the death of its starter at any instant cannot make it decide wrongly. Standard input is a pipe that
only the starter holds; its end says that the starter has finished or died, so whether the state file names this process
(`local_service.py` writes it, atomically) is settled by then. Named: it becomes the service, however the starter ended. Not
named: it ends without effect, and nobody will ever find that it was started.

Arguments: STATE_FILE TOKEN ERROR_FD -- PROGRAM [ARGUMENT...]. What keeps the program from starting is written to ERROR_FD, which
otherwise just closes. Imports as little as it can: nothing of ours.
"""

import os
import signal
import sys


def main(arguments: list[str]) -> None:
    state_file, token, error_fd = arguments[:3]
    command = arguments[4:]
    while os.read(0, 1):
        pass  # nothing is ever sent; what we wait for is the end
    if not named(state_file, token):
        return
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.set_inheritable(int(error_fd), False)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # Python's own habits, which a program would inherit
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - an argument list, no shell
    except OSError as error:
        os.write(int(error_fd), f"{error.strerror}: {command[0]}".encode(errors="surrogateescape"))
        os._exit(127)


def named(state_file: str, token: str) -> bool:
    """Does the state file hold our token? It is replaced as a whole, so what is read is one version of it."""
    try:
        descriptor = os.open(state_file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return token.encode() in os.read(descriptor, 1 << 20)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
