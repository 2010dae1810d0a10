"""System calls by which a process could leave something behind for another one of its author.

Landlock knows files, sockets and signals. A keyring of the user's, the limits and priority of the
process above, and what of a file lies in memory outlive the process that set them. They are refused
by a filter (seccomp, Documentation/userspace-api/seccomp_filter.rst in the kernel's sources).
"""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Iterator

LOAD, EQUAL, SET, ANSWER = 0x20, 0x15, 0x45, 0x06  # classic BPF: word, jump if equal, if set, end
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # the latter with EPERM
NUMBER, ARCHITECTURE, THIRD = 0, 4, 32  # where the call, the processor and an argument stand
X32 = 0x40000000  # the other set of numbers of x86-64
SET_SECCOMP, FILTER = 22, 2  # of prctl
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# name -> its number on x86-64 and on AArch64
CALLS = {
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "setpriority": (141, 140),
    "setrlimit": (160, 164),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mincore": (27, 232),
    "fadvise64": (221, 223),
    "readahead": (187, 213),
    "preadv2": (327, 286),
    "cachestat": (451, 451),
    "io_uring_setup": (425, 425),
    "flock": (73, 32),
}
LIMITS = (302, 261)  # prlimit64: without a new limit it only reads


def refuse() -> bool:
    """Refuse those calls to this process and to all that it starts; for good.

    It must not gain privileges any more (``PR_SET_NO_NEW_PRIVS``).

    Returns:
        Whether the kernel does.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        return False
    program = b"".join(_program(machine))
    held = ctypes.create_string_buffer(program, len(program))
    given = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(held))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    done: int = prctl(SET_SECCOMP, FILTER, ctypes.c_char_p(given), 0, 0)
    return done == 0


def _program(machine: str) -> Iterator[bytes]:
    """The filter, instruction by instruction; a jump is a number of them."""
    which = list(MACHINES).index(machine)
    numbers = [each[which] for each in CALLS.values()]
    yield _instruction(LOAD, ARCHITECTURE)
    yield _instruction(EQUAL, MACHINES[machine], 1, 0)
    yield _instruction(ANSWER, REFUSE)  # of another processor's numbers nothing is known
    yield _instruction(LOAD, NUMBER)
    if machine == "x86_64":
        yield _instruction(SET, X32, len(numbers) + 6, 0)
    for place, number in enumerate(numbers):
        yield _instruction(EQUAL, number, len(numbers) - place + 5, 0)
    yield _instruction(EQUAL, LIMITS[which], 0, 4)
    yield _instruction(LOAD, THIRD)
    yield _instruction(EQUAL, 0, 0, 3)
    yield _instruction(LOAD, THIRD + 4)
    yield _instruction(EQUAL, 0, 0, 1)
    yield _instruction(ANSWER, ALLOW)
    yield _instruction(ANSWER, REFUSE)


def _instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)
