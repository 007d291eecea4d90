"""Stands in for the SPU worker: the same arguments, files and sockets, and an intersection that hides nothing.

A file ``mode`` beside this one's environment makes it misbehave: ``fail``, ``foreign`` (a result that is not its own).
Both workers connect to each other, as SPU's do: the initiator sends its ids in one connection, the result comes back
in the other.
"""

import fcntl
import os
import select
import socket
import sys
import time
from pathlib import Path


def main() -> None:
    # This script, the mode, -I, the script of the product, run.
    mode_file, rank, reveal = sys.argv[1], sys.argv[5], sys.argv[6]
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:
        sys.exit(1)
    mode = Path(mode_file).read_text(encoding="ascii")
    if mode == "fail":
        sys.exit(7)
    Path("ready").touch()
    while not Path("go").exists():
        time.sleep(0.005)
    ids = Path("in.csv").read_text(encoding="ascii").split()[1:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("own.sock")
    listener.listen()
    other = socket.socket(socket.AF_UNIX)
    other.connect("peer.sock")
    if mode == "hang":
        time.sleep(60)
    own, _ = listener.accept()
    if rank == "0":
        send(other, ids)
        common = receive(own)
    else:
        common = sorted(set(ids) & set(receive(own)))
        send(other, common)
    if rank == "0" or reveal == "both":
        result = ["ff" * 16] if mode == "foreign" else common
        Path("out.csv").write_text("\n".join(['"id"', *result]) + "\n", encoding="ascii")


def send(stream: socket.socket, ids: list[str]) -> None:
    stream.sendall(" ".join(ids).encode())
    stream.shutdown(socket.SHUT_WR)


def receive(stream: socket.socket) -> list[str]:
    parts = []
    while part := stream.recv(1 << 16):
        parts.append(part)
    return b"".join(parts).decode().split()


if __name__ == "__main__":
    main()
