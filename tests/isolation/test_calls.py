"""The filter of system calls: by hand, instruction by instruction, and as the kernel takes it."""

from __future__ import annotations

import platform
import struct
import subprocess
import sys

import pytest

from fowh.isolation import calls

READ = {"x86_64": 0, "aarch64": 63}


def answer(machine: str, number: int, third: int = 0, architecture: int | None = None) -> int:
    """What the filter says of a call, by an interpreter of the four instructions that it uses."""
    program = [struct.unpack("HBBI", each) for each in calls._program(machine)]
    known = architecture or calls.MACHINES[machine]
    data = {0: number, 4: known, 32: third & 0xFFFFFFFF, 36: third >> 32}
    at = held = 0
    while True:
        code, yes, no, value = program[at]
        match code:
            case calls.LOAD:
                held, at = data[value], at + 1
            case calls.EQUAL:
                at += 1 + (yes if held == value else no)
            case calls.SET:
                at += 1 + (yes if held & value else no)
            case calls.ANSWER:
                return value


@pytest.mark.parametrize("machine", calls.MACHINES)
def test_what_is_listed_is_refused_and_nothing_else(machine: str) -> None:
    which = list(calls.MACHINES).index(machine)
    listed = {numbers[which] for numbers in calls.CALLS.values()}
    refused = {n for n in range(500) if answer(machine, n) == calls.REFUSE}
    assert refused == listed
    assert answer(machine, READ[machine], architecture=5) == calls.REFUSE


@pytest.mark.parametrize("machine", calls.MACHINES)
@pytest.mark.parametrize("limits", [1, 1 << 40])
def test_limits_may_be_read_and_not_set(machine: str, limits: int) -> None:
    number = calls.LIMITS[list(calls.MACHINES).index(machine)]
    assert answer(machine, number) == calls.ALLOW
    assert answer(machine, number, limits) == calls.REFUSE


def test_the_other_numbers_of_one_processor_are_refused() -> None:
    assert answer("x86_64", calls.X32 | 1) == calls.REFUSE


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in calls.MACHINES,
    reason="a filter is there for Linux on x86-64 and AArch64",
)
def test_the_kernel_takes_it() -> None:
    code = """
import ctypes, os, resource
from fowh.isolation import calls
call = ctypes.CDLL(None, use_errno=True).syscall
number = calls.CALLS["keyctl"][list(calls.MACHINES).index(os.uname().machine)]
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
assert calls.refuse()
assert call(number, 10, -4, b"user", b"nobody's", 0) == -1 and ctypes.get_errno() == 1
assert len(resource.getrlimit(resource.RLIMIT_NOFILE)) == 2
import torch
assert (torch.ones(256, 256) @ torch.ones(256, 256)).sum() == 256**3
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
