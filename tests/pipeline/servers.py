"""Camera servers on 127.0.0.1 for tests: HTTP (files, endless streams) and RTSP over TCP."""

from __future__ import annotations

import base64
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Respond = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One GET, answered by the function that the server was made with; ``number`` counts them from 0."""

    respond: Respond
    count = 0
    number = 0
    ended: threading.Event

    def do_GET(self) -> None:
        kind = type(self)
        self.number, kind.count = kind.count, kind.count + 1
        with suppress(ConnectionError):  # the client went away
            kind.respond(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Say nothing."""

    def head(self, content_type: str, length: int | None = None) -> None:
        """Send the header; without a length the body goes on until the connection is closed."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


@contextmanager
def http_server(respond: Respond) -> Iterator[str]:
    """Serve until the block ends; gives the address."""
    ended = threading.Event()
    handler = type("Handler", (Request,), {"respond": staticmethod(respond), "ended": ended})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            ended.set()
            server.shutdown()
            thread.join()


def paced(pieces: Sequence[bytes], fps: float, ended: threading.Event) -> Iterator[tuple[int, bytes]]:
    """The pieces with their numbers, each at its time."""
    begin = time.monotonic()
    for number, piece in enumerate(pieces):
        if ended.wait(max(0.0, begin + number / fps - time.monotonic())):
            return
        yield number, piece


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def rtsp_server(pieces: Sequence[bytes], fps: float, login: str) -> Iterator[int]:
    """Play a transport stream by RTSP, interleaved in its TCP connection, to who knows ``user:password``.

    Written from RFC 2326 (RTSP) and RFC 2250 (payload type 33); gives the port.
    """
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def accept() -> None:
            while not ended.is_set():
                with suppress(TimeoutError, ConnectionError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(2)
                        _serve_rtsp(connection, pieces, fps, login, ended)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            ended.set()
            thread.join()


def _serve_rtsp(
    connection: socket.socket, pieces: Sequence[bytes], fps: float, login: str, ended: threading.Event
) -> None:
    description = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
    )
    basic = "Basic " + base64.b64encode(login.encode()).decode()
    with connection.makefile("rb") as reader:
        while line := reader.readline().decode().strip():
            method = line.split()[0]
            headers = {}
            while field := reader.readline().decode().strip():
                name, _, value = field.partition(":")
                headers[name.lower()] = value.strip()
            answer, body = ["RTSP/1.0 200 OK", f"CSeq: {headers['cseq']}", "Session: 1"], ""
            if headers.get("authorization") != basic:
                answer[0] = "RTSP/1.0 401 Unauthorized"
                answer.append('WWW-Authenticate: Basic realm="camera"')
            elif method == "OPTIONS":
                answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif method == "DESCRIBE":
                body = description
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif method == "SETUP":
                answer.append(f"Transport: {headers['transport']}")
            connection.sendall(("\r\n".join(answer) + "\r\n\r\n" + body).encode())
            if method == "PLAY" and answer[0].endswith("OK"):
                _send_rtp(connection, pieces, fps, ended)
                return


def _send_rtp(connection: socket.socket, pieces: Sequence[bytes], fps: float, ended: threading.Event) -> None:
    sequence = 0
    for number, piece in paced(pieces, fps, ended):
        for begin in range(0, len(piece), 7 * 188):  # transport packets have 188 bytes
            payload = piece[begin : begin + 7 * 188]
            header = struct.pack(">BBHII", 0x80, 33, sequence & 0xFFFF, round(number / fps * 90000), 1)
            packet = header + payload
            connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            sequence += 1
