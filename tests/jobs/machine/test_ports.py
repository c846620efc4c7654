"""A port chosen for a server is still free when the server comes to it."""

import socket

from jobs.machine.ports import free_port


def _of_an_outgoing_connection() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        return int(client.getsockname()[1])


def test_no_outgoing_connection_can_take_it() -> None:
    lowest = min(_of_an_outgoing_connection() for _ in range(50))
    assert max(free_port() for _ in range(50)) < lowest


def test_it_is_not_one_that_somebody_listens_on() -> None:
    taken: set[int] = set()
    servers = []
    try:
        for _ in range(50):
            servers.append(socket.create_server(("127.0.0.1", free_port())))
            taken.add(servers[-1].getsockname()[1])
    finally:
        for server in servers:
            server.close()
    assert len(taken) == 50
