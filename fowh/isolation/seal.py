"""No way out of a plug-in's process but its line: no file written, nobody else spoken to.

By Landlock, which a Linux kernel offers every process since 5.13 (user-space API, Documentation/
userspace-api/landlock.rst in the kernel's sources). Without it a scheme could leave in a file what
it enrolled, for its own verification to read; an attack, what it saw in one cell for the next.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

from fowh.isolation.calls import refuse

CREATE, ADD, RESTRICT = 444, 445, 446  # system calls, alike on every processor
NO_NEW_PRIVILEGES, PATH_BENEATH = 38, 1
WRITE, TRUNCATE = 1 << 1, 1 << 14
CHANGES = sum(1 << bit for bit in (1, *range(4, 13)))  # writing, removing and making of any kind
SINCE = ((2, 1 << 13), (3, TRUNCATE))  # version, and what it adds: moving, cutting
USER, IPC, NET = 1 << 28, 1 << 27, 1 << 30  # of unshare: spaces that a process may have alone
TCP, OTHERS = 0b11, 0b11  # bind and connect (version 4); foreign sockets and signals (version 6)
DEVICES = ("null", "nvidia*")  # below /dev


DOORS = ("files", "connections", "signals", "spaces", "calls")


def seal() -> list[str]:
    """Shut this process and all that it starts off from files and from others; for good.

    It may still read what its user may. Programs that gain rights when they start gain none.

    Returns:
        Which of ``DOORS`` stay open, since the kernel shuts them not: files that are written, TCP,
        signals to others, spaces of one's own (network, shared memory), other system calls.
    """
    if sys.platform != "linux":
        return [*DOORS]
    alone = _alone()
    ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    version = _landlock()
    shut = (version >= 3, version >= 4, version >= 6, alone, refuse())
    return [door for door, done in zip(DOORS, shut, strict=True) if not done]


def _landlock() -> int:
    """Restrict this process by Landlock; the version that does, 0 for none."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    version = call(CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return 0
    files = CHANGES | sum(bit for since, bit in SINCE if version >= since)
    words = [files, *([TCP] if version >= 4 else []), *([OTHERS] if version >= 6 else [])]
    asked = struct.pack(f"{len(words)}Q", *words)
    rules = call(CREATE, asked, ctypes.c_size_t(len(asked)), 0)
    if rules < 0:
        return 0
    for path in [path for pattern in DEVICES for path in Path("/dev").glob(pattern)]:
        place = os.open(path, os.O_PATH)
        call(ADD, rules, PATH_BENEATH, struct.pack("=Qi", files & (WRITE | TRUNCATE), place), 0)
        os.close(place)
    done: bool = call(RESTRICT, rules, 0) == 0
    os.close(rules)
    return int(version) if done else 0


def _alone() -> bool:
    """Have shared memory, message queues and a network of its own; whether that is permitted.

    Memory of System V outlives the process that made it, and Landlock knows neither it nor UDP.
    """
    leave = ctypes.CDLL(None).unshare
    if leave(IPC | NET) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if leave(IPC | NET | USER) != 0:  # for which it need not be root, but has to say who it is
        return False
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)
    return True
