"""The two kinds of streams, where only a certain order of events shows a mistake."""

from __future__ import annotations

import socket

import pytest

from lab.core.errors import DeviceUnreachableError
from lab.devices.adb.by_server import SocketStream
from lab.devices.adb.connection import Connection
from lab.devices.adb.handshake import Banner
from lab.devices.adb.wire import TcpWire
from tests.devices.peers.adbd_wire import Line, Message


def test_what_a_server_said_before_it_closed_is_read_though_it_takes_nothing_any_more() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"the exit code")
    theirs.close()
    stream = SocketStream(ours)
    stream.send(b"more input")
    assert stream.receive(60) == b"the exit code"
    assert stream.ready()
    assert stream.receive(60) is None
    stream.close()


def test_a_stream_closed_before_the_daemon_opened_it_is_closed_there_too() -> None:
    """Else the command would run on: a daemon knows no stream by our number alone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = TcpWire(socket.create_connection(listener.getsockname()))
        connected, _ = listener.accept()
    with connected:
        connected.settimeout(60)
        daemon = Line(connected, None)
        daemon.checked = False
        connection = Connection(wire, Banner(("shell_v2",), 4096, checked=False), "pixel")
        stream = connection.open("shell,v2,raw:sleep 600")
        assert daemon.receive() == Message(b"OPEN", stream.local_id, 0, b"shell,v2,raw:sleep 600\0")
        stream.close()
        stream.close()
        assert daemon.receive() == Message(b"CLSE", stream.local_id, 0)
        daemon.send(Message(b"OKAY", 77, stream.local_id))
        assert daemon.receive() == Message(b"CLSE", stream.local_id, 77)
        connection.close()
        with pytest.raises(DeviceUnreachableError, match="closed"):
            connection.open("shell,v2,raw:true")
