"""seccomp: lets this process make the system calls of a list and no others.

See https://docs.kernel.org/userspace-api/seccomp_filter.html. A filter is a program for a small
register machine (linux/filter.h), which reads the number of the call and its arguments.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from index.base.kernel import BY_FILTER, MACHINES, SET_SECCOMP, control_process

# instructions
_LOAD, _AND, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
# offsets in struct seccomp_data; of an argument the lower half, on little-endian machines
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT, _ARGUMENT_BYTES = 0, 4, 16, 8
# answers
ALLOW = 0x7FFF0000
KILL = 0x80000000  # the whole process
REFUSE = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS  # makes the C library try the older call

Instruction = tuple[int, int, int, int]  # code, jumps if true and if false, a constant


class Only(NamedTuple):
    """A call is allowed only if *argument* (from 0) is one of *values*.

    Attributes:
        ignoring: bits of it that do not matter. The filter reads only the lower 32 bits: name only
            arguments of which the kernel uses no more.
    """

    argument: int
    values: Sequence[int]
    ignoring: int = 0


def restrict(
    calls: Mapping[int, Sequence[Only]], unknown: Sequence[int], otherwise: int = REFUSE
) -> None:
    """Filter this thread's system calls for good.

    Args:
        calls: the conditions of each allowed call, by number.
        unknown: calls that the kernel shall seem to lack.
        otherwise: the answer to every other call.

    Raises:
        OSError: the kernel refuses, for example because the process may still gain privileges.
    """
    code = b"".join(struct.pack("=HBBI", *one) for one in _program(calls, unknown, otherwise))
    held = ctypes.create_string_buffer(code, len(code))
    words = struct.pack("@HP", len(code) // 8, ctypes.addressof(held))
    control_process(SET_SECCOMP, ctypes.c_ulong(BY_FILTER), words)


def _program(
    calls: Mapping[int, Sequence[Only]], unknown: Sequence[int], otherwise: int
) -> list[Instruction]:
    """The filter. It kills on a call of another kind (32 bits), whose numbers mean other calls."""
    made = [_load(_MACHINE_AT), _skip_if(MACHINES[platform.machine()], 1), _answer(KILL)]
    made.append(_load(_NUMBER_AT))
    for number, conditions in calls.items():
        block = [step for one in conditions for step in _check(one, otherwise)] + [_answer(ALLOW)]
        made += [(_JUMP_IF_EQUAL, 0, len(block), number), *block]
    for number in unknown:
        made += [(_JUMP_IF_EQUAL, 0, 1, number), _answer(UNKNOWN)]
    return [*made, _answer(otherwise)]


def _check(one: Only, otherwise: int) -> list[Instruction]:
    """Instructions that go on after themselves if the condition holds; else they answer."""
    steps = [
        _load(_ARGUMENTS_AT + _ARGUMENT_BYTES * one.argument),
        (_AND, 0, 0, ~one.ignoring & 0xFFFFFFFF),
    ]
    left = len(one.values)
    return [
        *steps,
        *(_skip_if(value, left - at) for at, value in enumerate(one.values)),
        _answer(otherwise),
    ]


def _load(at: int) -> Instruction:
    return _LOAD, 0, 0, at


def _skip_if(value: int, steps: int) -> Instruction:
    return _JUMP_IF_EQUAL, steps, 0, value


def _answer(kind: int) -> Instruction:
    return _RETURN, 0, 0, kind
