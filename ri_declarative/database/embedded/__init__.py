"""The embedded PostgreSQL of a project. The public verbs are here, the way they keep their word is in the modules.

server       attach, start, stop, status, remove
cluster      initdb, start and halt of one data folder
postmaster   proof that a process is our postmaster; the only sender of signals
connecting   connections, untouched by the caller's PG* variables
home, locks  where a project's data lies; who uses it
watcher      a process that stops a server nobody uses (imported by nobody: watcher_process runs it with -m)
contents     what is in the database, told before it is removed
binaries     where PostgreSQL's programs are
server_user  as whom they run
"""

from ri_declarative.database.embedded.connecting import no_pg_variables, without_pg_variables
from ri_declarative.database.embedded.contents import Table, contents
from ri_declarative.database.embedded.server import (
    DATABASE,
    Attached,
    EmbeddedServer,
    Status,
    attach,
    refuse_if_used,
    remove,
    start,
    status,
    stop,
)

__all__ = [
    "DATABASE",
    "Attached",
    "EmbeddedServer",
    "Status",
    "Table",
    "attach",
    "contents",
    "no_pg_variables",
    "refuse_if_used",
    "remove",
    "start",
    "status",
    "stop",
    "without_pg_variables",
]
