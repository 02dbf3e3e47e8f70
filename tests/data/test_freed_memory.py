"""What was freed does not stay with the process."""

import os
import subprocess
import sys

CHILD = """
import ctypes, sys
from bert_tf.data.building.freed_memory import give_back
if sys.argv[1] == "yes":
    print(give_back())
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = libc.free.argtypes = [ctypes.c_size_t]
def take(size, count):
    blocks = [libc.malloc(size) for _ in range(count)]
    for block in blocks:
        ctypes.memset(ctypes.c_void_p(block), 1, size)
    return blocks
libc.free(libc.malloc(20 << 20))  # from now on blocks of up to 20 MB come from the heap
blocks = take(4 << 20, 40)
for block in blocks[:-1]:
    libc.free(block)
print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""


def resident(word):
    """Bytes of a process that freed 39 of 40 blocks of 4 MB."""
    command = [sys.executable, "-c", CHILD, word]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return int(done.stdout.split()[-1]), done.stdout.split()[0]


def test_blocks_in_the_middle_of_the_heap_are_given_back():
    without, with_it = resident("no")[0], resident("yes")
    assert with_it[1] == "True"
    assert with_it[0] < without - 100e6
