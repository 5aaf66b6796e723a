# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports for whoever is told one and opens it later."""
import random
import socket

given = set()


def free_port():
    """Below those that the kernel gives to whoever does not care, or another test would have it by then; never the same
    twice."""
    while True:
        port = random.randrange(20000, 32000)
        if port in given:
            continue
        given.add(port)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
