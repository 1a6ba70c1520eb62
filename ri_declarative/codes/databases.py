"""Codes of databases that cannot be used, among them the embedded one."""

from __future__ import annotations

from ri_declarative.codes.entry import Group, of_run

DATABASE = Group(
    "Runs: the database",
    "Found before anything is written.",
    (
        of_run(
            "database-address",
            cause="The address cannot be understood. It is not shown, because it may hold a password.",
            example="RI_DATABASE_URL has a port that is not a number (in a URL, a password's : / @ are %3A %2F %40)",
            cure="Write postgresql://user@host:5432/name, host=… dbname=…, the name of a service, or embedded.",
        ),
        of_run(
            "database-driver",
            cause="The SQLAlchemy engine given to BatchManager uses another driver than psycopg2.",
            example="the engine's driver is psycopg; ri works with psycopg2",
            cure='Make it with `create_engine("postgresql+psycopg2://…")`, or give BatchManager the address itself.',
        ),
        of_run(
            "database-encoding",
            cause="The database does not store text as UTF8, so it could not hold every record.",
            example="db.example.com:5432/crm stores text as LATIN1; ri needs a database in UTF8",
            cure="Create one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
        ),
        of_run(
            "database-unreachable",
            cause="No connection: wrong address or password, a firewall, or the server does not run.",
            example="cannot connect to localhost:5432/crm (DATABASE_URL): connection to server failed: Connection "
            "refused",
            cure="Try the same address with psql. The message names where the address comes from; "
            "`--database embedded` needs no server.",
        ),
        of_run(
            "database-version",
            cause="The server is older than PostgreSQL 13.",
            example="db.example.com:5432/crm is PostgreSQL 11; ri needs 13 or newer",
            cure="Upgrade the server, or name another one with --database.",
        ),
        of_run(
            "dump-failed",
            cause="The program pg_dump ended with an error, which the message quotes. No file was written.",
            example="pg_dump: error: could not write to output file: No space left on device",
            cure="What pg_dump says decides; mostly it is the disk.",
        ),
        of_run(
            "newer-books",
            cause="A newer ri has already changed the bookkeeping tables of this database.",
            example="the bookkeeping tables have version 3, this ri knows 2 at most",
            cure="Install the newer ri.",
        ),
        of_run(
            "no-program",
            cause="The program psql or pg_dump is neither among the programs of the embedded PostgreSQL nor in PATH.",
            example="there is no psql in /usr/lib/postgresql/18/bin, nor in PATH",
            cure="Install PostgreSQL's client programs, on Debian `apt install postgresql-client`.",
        ),
        of_run(
            "not-migrated",
            cause="The bookkeeping tables are missing or of an older version. Only the embedded database gets them by "
            "itself.",
            example='the database has no bookkeeping tables yet in schema "public"; this ri needs version 1',
            cure="Run `ri db migrate` with the same --database.",
        ),
        of_run(
            "read-only",
            cause="The server is a standby, or every transaction in it is read-only.",
            example="the server is a standby: nothing can be imported",
            cure="Connect to the primary.",
        ),
    ),
)

EMBEDDED = Group(
    "Runs: the embedded PostgreSQL",
    "It is used when no database is named; RI_DATABASE_URL or --database always leads around it.",
    (
        of_run(
            "embedded-busy",
            cause="A server runs on this data folder that we cannot use: it is full, hangs, or runs in another "
            "container.",
            example="the database in /app/.ri/data is served by a PostgreSQL that cannot be used from here",
            cure="Stop it where it runs.",
        ),
        of_run(
            "embedded-folder",
            cause="A file or folder under .ri/ cannot be read or written.",
            example="the embedded database cannot use /app/.ri: permission denied",
            cure="Make the project's folder writable for this user, and check the space on the disk.",
        ),
        of_run(
            "embedded-full",
            cause="The disk with the embedded database has no space left. What was committed is safe.",
            example="the embedded database cannot use /app/.ri/postgres.log: no space left on device",
            cure="Make room (a new database takes 50 MB), then run the command again.",
        ),
        of_run(
            "embedded-idle",
            cause="RI_EMBEDDED_IDLE_S is not a number.",
            example='RI_EMBEDDED_IDLE_S is a number of seconds, not "soon"',
            cure="Set it to seconds, such as 60, or unset it.",
        ),
        of_run(
            "embedded-in-use",
            cause="Another ri works with the embedded database, so it is not stopped.",
            example="the embedded database in /app/.ri is in use by another ri",
            cure="Try again when that one has ended.",
        ),
        of_run(
            "embedded-locked",
            cause="Another process has been starting or stopping the embedded database for minutes.",
            example="another process has been starting or stopping the embedded database in /app/.ri for a long time",
            cure="End that process; its lock ends with it.",
        ),
        of_run(
            "embedded-missing",
            cause="No database is named, and no PostgreSQL is installed that could be started.",
            example="no database is named, and no PostgreSQL to start an embedded one is installed",
            cure='`pip install "ri-declarative[embedded]"`, or set RI_DATABASE_URL.',
        ),
        of_run(
            "embedded-none",
            cause="The project has no embedded database yet, so there is nothing to copy.",
            example="there is no embedded database in /app yet: nothing to dump",
            cure="The first run that uses it makes it; so does `ri db start`.",
        ),
        of_run(
            "embedded-owner",
            cause="The data folder belongs to another user, or we are root and find no user to run PostgreSQL as.",
            example="the embedded database in /app/.ri/data belongs to user ann, not to bob",
            cure="Run ri as the user who made it. Remove .ri/ only when its data may go.",
        ),
        of_run(
            "embedded-socket",
            cause="The folder for the server's socket is already there and is not private to us.",
            example="/tmp/ri-1000-5d41402abc4b is needed for the embedded database's socket, but is not a private "
            "folder of user ann",
            cure="Remove that folder.",
        ),
        of_run(
            "embedded-start",
            cause="PostgreSQL could not be set up or started; its last lines are in the message.",
            example="PostgreSQL does not start: could not create shared memory segment: No space left on device",
            cure="Read the log file that the hint names. Remove the data folder only when its data may go.",
        ),
        of_run(
            "embedded-stopped",
            cause="The embedded PostgreSQL does not run, so it has no address.",
            example="the embedded PostgreSQL is not running",
            cure="Start it: `ri db start`.",
        ),
        of_run(
            "embedded-version",
            cause="The data folder was made by another major version of PostgreSQL than the one installed.",
            example="the embedded database was made by PostgreSQL 17, but only 18 in /usr/lib/postgresql/18/bin is "
            "here",
            cure="Set RI_PG_BIN to the bin folder of the old version. To move on: `ri db dump copy.sql` with it, then "
            "without it `ri db reset` and `ri db psql -- -f copy.sql`.",
        ),
    ),
)
