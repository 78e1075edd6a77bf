"""The kernel's filters of what a TCP socket receives: short programs that see each packet.

What a program drops, the peer sends again, as after any loss.
"""

from __future__ import annotations

import ctypes
import struct

# Linux's values, not in `socket`.
SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27
SO_LOCK_FILTER = 44
_INSTRUCTION = struct.Struct("=HBBI")
# In TCP's header: its length is in the high half of byte 12, in units of 4 bytes.
LENGTH_OF_DATA = (
    (0x30, 0, 0, 12),  # A = byte 12
    (0x54, 0, 0, 0xF0),  # A &= 0xf0
    (0x74, 0, 0, 2),  # A >>= 2: the header's length
    (0x07, 0, 0, 0),  # X = A
    (0x80, 0, 0, 0),  # A = the packet's length
    (0x1C, 0, 0, 0),  # A -= X
)
KEEP = (0x06, 0, 0, 0xFFFFFFFF)
DROP = (0x06, 0, 0, 0)


class Filter:
    """A program.

    Attributes:
        option: what sets it, as the value of a socket's option; valid for as long as this object.

    Args:
        instructions: code, jump if true, jump if false, operand.
    """

    def __init__(self, *instructions: tuple[int, int, int, int]) -> None:
        program = b"".join(
            _INSTRUCTION.pack(code, if_true, if_false, operand)
            for code, if_true, if_false, operand in instructions
        )
        self._program = ctypes.create_string_buffer(program, len(program))
        self.option = struct.pack("HP", len(instructions), ctypes.addressof(self._program))
