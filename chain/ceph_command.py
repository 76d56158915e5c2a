"""Tells a Ceph cluster something, with its own library; run as a program, for the library is found by the environment.

python chain/ceph_command.py CEPH_CONF '{"prefix": "osd new", ...}' ...
"""

from __future__ import annotations

import ctypes
import sys
import time

_WITHIN_S = 30.0


def main(configuration: str, commands: list[str]) -> int:
    """Connect as admin, and give the commands; the first that fails ends it, with its number."""
    rados = ctypes.CDLL("librados.so.2")
    cluster = ctypes.c_void_p()
    rados.rados_create(ctypes.byref(cluster), b"admin")
    rados.rados_conf_read_file(cluster, configuration.encode())
    rados.rados_conf_set(cluster, b"client_mount_timeout", b"60")
    connected = rados.rados_connect(cluster)
    if connected < 0:
        print(f"no connection to the cluster: {connected}", file=sys.stderr)
        return 1
    try:
        return next((1 for one in commands if not _is_done_in_time(rados, cluster, one)), 0)
    finally:
        rados.rados_shutdown(cluster)


def _is_done_in_time(rados: ctypes.CDLL, cluster: ctypes.c_void_p, command: str) -> bool:
    """Tell it until it is done: in the first moments of a connection the cluster's name is not known, and missed."""
    give_up_at = time.monotonic() + _WITHIN_S
    while not _is_done(rados, cluster, command):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.1)
    return True


def _is_done(rados: ctypes.CDLL, cluster: ctypes.c_void_p, command: str) -> bool:
    given = (ctypes.c_char_p * 1)(command.encode())
    output, message = ctypes.c_char_p(), ctypes.c_char_p()
    output_size, message_size = ctypes.c_size_t(), ctypes.c_size_t()
    result = rados.rados_mon_command(
        cluster,
        given,
        ctypes.c_size_t(1),
        b"",
        ctypes.c_size_t(0),
        ctypes.byref(output),
        ctypes.byref(output_size),
        ctypes.byref(message),
        ctypes.byref(message_size),
    )
    if result:
        print(f"{command}: {result}", file=sys.stderr)
    return bool(result == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
