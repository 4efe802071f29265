"""Runs one command so that its output and its end are on record even when whoever asked for it has died.

Started as a program of its own, in a session of its own, by `child.run`; elsewhere only the names of the files it writes are
used. It imports nothing of ours and as little as possible of the standard library: each step pays for its start. Start reading
at `main`. What the files mean to a reader stands in `spool.py`, what they mean to `resume` in `settle.py`.

What to run comes on standard input, whole or not at all (`launcher_request.py`; `launchers.py` writes it), so that a launcher
can be started before anybody knows what for. With it come the command's environment and the values that its output is written
without (`output_hiding.py`): secrets stand in no file and no argument.

Files in DIRECTORY, all private to the user:
    claim       identity of the launcher, created exclusively before anything else; or "revoked" by a `resume` that came first
    child       identity of the command's process, created exclusively by itself before it becomes the command; or "revoked"
    exec-error  the command could not be started: error number, what failed, on what
    out-N       output (stdout and stderr as they came, without known secrets): out-0 the first HEAD_BYTES, out-1 and up
                SEGMENT_BYTES each, of which the newest two are kept
    stderr      the last STDERR_BYTES of stderr alone
    exit        how it ended; appears whole, by a rename, as the last act. Without it nobody knows how the command ended

None of these is synced to disc: they count only while this boot of this host lasts (who comes later must ask the target), and a
sync would make the step wait for the disc to take in its output.
"""

import errno
import fcntl
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:  # `signal` proper imports enum: 4 ms per step for names of numbers
    import _signal as signal

HEAD_BYTES = 1 << 20
SEGMENT_BYTES = 4 << 20
STDERR_BYTES = 64 << 10
BLOCK_BYTES = 64 << 10
PIPE_BYTES = 1 << 20
DRAIN_S = 0.2
REVOKED = "revoked"
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TICK_S = 0.05
_DAY_S = 86400.0
_EXIT_RESERVE = 512


def run() -> None:
    """Wait for the request, do it, end: nothing is left to tidy up, and tidying up costs."""
    # Beside this file, which belongs to no package when it runs.
    fields = __import__("launcher_request").receive(0)
    if fields is not None:
        main(fields)
    os._exit(0)


def main(fields: list[bytes]) -> None:
    """Claim, start, pump, record. Returns without any effect when the claim is taken."""
    directory, cwd, timeout_s, grace_s, owner, outlive_s, count, hidden = fields[:8]
    secrets_at = 8 + int(count)
    command, secrets = fields[8:secrets_at], fields[secrets_at : secrets_at + int(hidden)]
    env = dict(variable.split(b"=", 1) for variable in fields[secrets_at + int(hidden) :])
    umask = os.umask(0o077)
    _close_inherited()
    os.chdir(directory)
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(2, "launcher-error", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    place = f"{_read('/proc/sys/kernel/random/boot_id').strip()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    owned = _watch(int(owner))
    if owned is None or not _publish("claim", f"{_identity()} {place}"):
        return
    # Taken now: on a full disc the record of the end must still find its place.
    _write("exit.tmp", b" " * _EXIT_RESERVE)
    wake = _catch_signals()
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    _widen(out)
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(command, env, cwd, umask, place, out_end, err_end)
    os.close(out_end)
    os.close(err_end)
    _set_group(pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    pump = _Pump(pid, out, err, wake, started + float(timeout_s), float(grace_s), secrets)
    pump.watch(owned, float(outlive_s))
    pump.run()
    _record_exit(pump, started)


def _record_exit(pump: "_Pump", started: float) -> None:
    status = os.waitpid(pump.pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    lines = {
        "code": max(code, 0),
        "signal": max(-code, 0),
        "timed_out": int(pump.timed_out),
        "forwarded": pump.forwarded,
        "duration_ms": int((pump.ended_at - started) * 1000),
        "bytes": pump.spool.total,
        "spool_errno": pump.spool.errno,
    }
    try:
        _write("stderr", pump.stderr_tail())
    except OSError as problem:  # the tail is for people; how it ended matters more
        lines["spool_errno"] = lines["spool_errno"] or problem.errno or errno.EIO
    text = "".join(f"{name} {value}\n" for name, value in lines.items())
    _write("exit.tmp", text.encode().ljust(_EXIT_RESERVE))
    os.rename("exit.tmp", "exit")  # noqa: PTH104 - pathlib costs 5 ms at start


class _Spool:
    """Output on disc, bounded: the head, and the newest two segments. A full disc stops the writing, never the command."""

    def __init__(self) -> None:
        self.total = 0
        self.errno = 0
        self._number = -1
        self._room = 0
        self._fd = -1

    def write(self, data: memoryview) -> None:
        self.total += len(data)
        while data and not self.errno:
            try:
                if not self._room:
                    self._next_segment()
                written = os.write(self._fd, data[: self._room])
            except OSError as problem:
                self.errno = problem.errno or errno.EIO
                return
            self._room -= written
            data = data[written:]

    def _next_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._number += 1
        if self._number > 2:
            os.unlink(f"out-{self._number - 2}")  # noqa: PTH108
        self._fd = os.open(f"out-{self._number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._room = SEGMENT_BYTES if self._number else HEAD_BYTES


class _Pump:
    """Moves output from the pipes to the spool until the command has ended; passes signals on; keeps the deadline."""

    def __init__(self, pid: int, out: int, err: int, wake: int, deadline: float, grace_s: float, secrets: list[bytes]) -> None:
        self.pid = pid
        self.spool = _Spool()
        # As in `run`. A command without secrets does not pay for it.
        self._hidden = __import__("output_hiding").Hidden(secrets, out, err) if secrets else None
        self.timed_out = False
        self.forwarded = 0
        self.ended_at = 0.0
        self._err = err
        self._wake, self._deadline = wake, deadline
        self._owner, self._outlive_s = -1, 0.0
        self._grace_s = grace_s
        self._kill_at, self._killed = 0.0, False  # 0: nobody has asked the command to stop
        self._open = {out, err}
        self._buffer = bytearray(BLOCK_BYTES)
        self._old_err, self._new_err = b"", bytearray()
        self._poll = select.poll()
        for fd in (out, err, wake):
            self._poll.register(fd, select.POLLIN)

    def watch(self, owner: int, outlive_s: float) -> None:
        """When *owner* (of `_watch`) becomes readable, the command has *outlive_s* left."""
        self._owner, self._outlive_s = owner, outlive_s
        if owner >= 0:
            self._poll.register(owner, select.POLLIN)

    def run(self) -> None:
        while not self._finished():
            for fd, _ in self._poll.poll(self._patience_ms()):
                if fd == self._wake:
                    self._take_signals()
                elif fd == self._owner:
                    self._poll.unregister(fd)
                    self._deadline = min(self._deadline, time.monotonic() + self._outlive_s)
                else:
                    self._take_output(fd)
            self._keep_deadlines()
        for both, err in self._hidden.close() if self._hidden else ():
            self._keep(both, err)

    def stderr_tail(self) -> bytes:
        return (self._old_err + self._new_err)[-STDERR_BYTES:]

    def _take_output(self, fd: int) -> None:
        size = os.readv(fd, [self._buffer])
        if not size:
            self._poll.unregister(fd)
            os.close(fd)
            self._open.discard(fd)
            return
        data = memoryview(self._buffer)[:size]
        both, own = self._hidden.feed(fd, data) if self._hidden else (data, data)  # all output, and this stream's
        self._keep(both, own if fd == self._err else b"")

    def _keep(self, both: "bytes | memoryview", err: "bytes | memoryview") -> None:
        self.spool.write(memoryview(both))
        self._new_err += err
        if len(self._new_err) >= STDERR_BYTES:
            self._old_err, self._new_err = bytes(self._new_err), bytearray()

    def _take_signals(self) -> None:
        for number in os.read(self._wake, 64):
            if number != signal.SIGCHLD:
                self.forwarded = number
                self._ask_to_stop(number)
            elif not self.ended_at and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                # Not reaped before the record is written: until then nobody else can get its number, nor its group's.
                self.ended_at = time.monotonic()

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        if not self.ended_at and not self.timed_out and now >= self._deadline:
            self.timed_out = True
            self._ask_to_stop(signal.SIGTERM)
        if self._kill_at and not self._killed and now >= self._kill_at:
            self._killed = True
            _signal_group(self.pid, signal.SIGKILL)

    def _ask_to_stop(self, number: int) -> None:
        self._kill_at = self._kill_at or time.monotonic() + self._grace_s
        _signal_group(self.pid, number)
        _signal_group(self.pid, signal.SIGCONT)  # a stopped process would take it only when continued

    def _finished(self) -> bool:
        """Ended, and drained. Not at end of file: a grandchild may hold the pipes for ever."""
        if not self.ended_at:
            return False
        if self._open and time.monotonic() < self.ended_at + DRAIN_S:
            return False
        return not self._kill_at or self._killed or not _group_lives(self.pid)

    def _patience_ms(self) -> float | None:
        if self.ended_at:
            return _TICK_S * 1000
        moments = [] if self.timed_out else [self._deadline]
        if self._kill_at and not self._killed:
            moments.append(self._kill_at)
        if not moments:
            return None
        return max(0.0, min(min(moments) - time.monotonic(), _DAY_S)) * 1000 + 1


def _become(command: list[bytes], env: dict[bytes, bytes], cwd: bytes, umask: int, place: str, out: int, err: int) -> None:
    """In the forked child: leave the record, become the command. Never returns."""
    home = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    what, on = b"start", command[0]
    try:
        os.setpgid(0, 0)
        if not _publish("child", f"{_identity()} {place}"):
            os._exit(125)
        os.dup2(out, 1)
        os.dup2(err, 2)
        what, on = b"chdir", cwd
        os.chdir(cwd)
        what, on = b"exec", command[0]
        os.umask(umask)
        for number in (*FORWARDED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _exec(command, env)
    except OSError as problem:
        os.umask(0o077)
        _write("exec-error", b"%d %b %b" % (problem.errno or errno.EIO, what, on), home)
    finally:
        os._exit(127)


def _exec(command: list[bytes], env: dict[bytes, bytes]) -> None:
    """Like execvpe, without its shell: a file that is no program is an error."""
    program = command[0]
    if b"/" in program:
        os.execve(program, command, env)  # noqa: S606 - that is what we are for
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for directory in env.get(b"PATH", os.defpath.encode()).split(b":"):
        try:
            os.execve((directory or b".") + b"/" + program, command, env)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as problem:  # as the C library does: look on, but remember it
            error = problem  # type: ignore[assignment]
    raise error


def _redirect(fd: int, path: str, flags: int) -> None:
    opened = os.open(path, flags, 0o600)
    os.dup2(opened, fd)
    os.close(opened)


def _catch_signals() -> int:
    """Turn signals into bytes in a pipe. They are blocked since before our start (`launchers.py`): none is lost, none kills."""
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    for number in (*FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return wake


def _watch(owner: int) -> "int | None":
    """What becomes readable when the process *owner*, which started us, dies. -1 for 0: none. None: it has died already."""
    if not owner:
        return -1
    try:
        watched = os.pidfd_open(owner)
    except ProcessLookupError:
        return None
    return watched if os.getppid() == owner else None


def _widen(pipe: int) -> None:
    """Room for more than the usual 64 kB: the command and we need not take turns."""
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:  # the user has too many of them already: it only takes longer
        return


def _set_group(pid: int) -> None:
    """Both sides do it: whoever of us comes second finds it done."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):  # it has become the command already, after its own setpgid
        return


def _signal_group(group: int, number: int) -> None:
    """Only while the group's leader is not reaped: its number is then nobody else's."""
    try:
        os.killpg(group, number)
    except PermissionError:  # it runs as another user (sudo): all that is left is to wait for its end
        return
    except ProcessLookupError:  # it has left its group
        os.kill(group, number)


def _group_lives(group: int) -> bool:
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                state, _, of_group = _read(f"/proc/{name}/stat").rpartition(") ")[2].split()[:3]
            except OSError:  # it ended meanwhile
                continue
            if of_group == str(group) and state not in "ZX":
                return True
    return False


def _close_inherited() -> None:
    """Close what whoever started us had open without close-on-exec: a build tool's job pipe, a shell's lock file."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:  # the listing's own descriptor is closed already
                continue


def _identity() -> str:
    """`PID START_TICKS`, the ticks as the kernel writes them."""
    return f"{os.getpid()} {_read('/proc/self/stat').rpartition(') ')[2].split()[19]}"


def _publish(name: str, text: str) -> bool:
    """Create *name* with *text* in it, both at once, unless it exists."""
    draft = f"{name}.{os.getpid()}"
    _write(draft, text.encode())
    try:
        os.link(draft, name)
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)  # noqa: PTH108
    return True


def _write(name: str, data: bytes, directory: int | None = None) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _read(name: str) -> str:
    fd = os.open(name, os.O_RDONLY)
    try:
        return os.read(fd, 4096).decode(errors="surrogateescape")
    finally:
        os.close(fd)
