"""A network that can be cut at a chosen moment: what a client sends is passed on to a port of this machine, and back."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self


class TcpProxy:
    """Attributes:
    cuts: How often a connection was cut as asked.
    """

    def __init__(self, port: int) -> None:
        self._port, self._when, self._lost = port, b"", ""
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for each in (self._listener, *self._open):
            each.close()

    def through(self, url: str) -> str:
        """*url* by way of this proxy."""
        return url.replace(f":{self._port}/", f":{self._listener.getsockname()[1]}/")

    def cut(self, *, when: bytes, lost: str) -> None:
        """Cut the next connection on which *when* is sent: before it arrives (the request is lost), or once it was answered."""
        self._when, self._lost = when, lost

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            self._open += [client, server]
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        answering = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        answering.start()
        while block := self._read(client):
            if self._when and self._when in block:
                self._when = b""
                self.cuts += 1
                if self._lost == "reply":
                    client.shutdown(socket.SHUT_WR)  # the answer will not get through any more
                    client.shutdown(socket.SHUT_RD)
                    server.sendall(block)
                    server.shutdown(socket.SHUT_WR)
                else:
                    server.shutdown(socket.SHUT_RDWR)
                client.close()
                return
            try:
                server.sendall(block)
            except OSError:  # the server has ended it
                break
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while block := source.recv(65536):
                sink.sendall(block)
            sink.close()
        except OSError:  # cut
            return

    def _read(self, source: socket.socket) -> bytes:
        try:
            return source.recv(1 << 20)
        except OSError:
            return b""
