"""What a person may try when libpq cannot connect.

libpq gives no code for it, only English or translated text. Nothing is decided by that text: it picks the advice,
and a text that nobody foresaw gets the general one.
"""

from __future__ import annotations

_PASSWORD = "put the password into ~/.pgpass (host:port:database:user:password, chmod 600), PGPASSWORD or the address"
_RUNNING = "check that the server runs and listens there, and the port"

# The first that occurs in libpq's text counts.
_ADVICE = (
    ("definition of service", "services are defined in ~/.pg_service.conf or the file that PGSERVICEFILE names"),
    ("service file", "PGSERVICEFILE names the file of services, else it is ~/.pg_service.conf"),
    ("no password supplied", _PASSWORD),
    ("password authentication failed", f"check user and password; {_PASSWORD}"),
    ("no pg_hba.conf entry", "let the server's administrator allow this user, database and address in pg_hba.conf"),
    (
        "Peer authentication failed",
        "the socket takes the user of your operating system only: name a host, or that user",
    ),
    ('" does not exist', "check user and database; a missing database is made with: createdb NAME"),
    ("could not translate host name", "check how the host is written, and that you are in the network that knows it"),
    ("Connection refused", _RUNNING),
    ("No such file or directory", f"{_RUNNING}; for a socket, that its folder is right"),
    ("timeout expired", "a firewall may be in the way; PGCONNECT_TIMEOUT=60 waits longer"),
    ("too many clients", "wait until others have ended, or raise max_connections"),
    ("remaining connection slots", "wait until others have ended, or raise max_connections"),
    ("starting up", "wait a moment and run the command again"),
    ("SSL", "sslmode and its certificates decide; sslmode=require encrypts without checking who answers"),
)
_ALWAYS = "psql takes the same address; `--database embedded` needs no server"


def what_to_try(said: str) -> str:
    """Advice for what libpq said.

    >>> what_to_try("fe_sendauth: no password supplied").partition(" (")[0]
    'put the password into ~/.pgpass'
    """
    advice = next((advice for text, advice in _ADVICE if text in said), "check that the server runs and the address")
    return f"{advice}; {_ALWAYS}"
