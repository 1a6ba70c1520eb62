"""Which database a run uses, and an engine for it: the only module that reads addresses and passwords.

An address is a URL (postgresql://…), a libpq keyword string (host=… dbname=…), the bare name of a service
(pg_service.conf) or the word `embedded`. libpq itself takes it apart, so that it means here what it means to psql.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from sqlalchemy import URL, Connection, Dialect, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from ri_declarative.database import embedded
from ri_declarative.database.unreachable import what_to_try
from ri_declarative.errors import DatabaseError
from ri_declarative.words import did_you_mean

DRIVER = "postgresql+psycopg2"
EMBEDDED = "embedded"
OLDEST_SERVER = 13
CONNECT_TIMEOUT_S = 10
# A server that is gone without a word is noticed within a minute; sockets of the same machine take no notice.
_WATCHED_LINE = {
    "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # ms
}  # fmt: skip

_KEYWORDS = (
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "options", "sslmode",
    "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name", "client_encoding",
    "target_session_attrs", "channel_binding", "gssencmode", "keepalives", "keepalives_idle", "keepalives_interval",
    "keepalives_count", "tcp_user_timeout",
)  # fmt: skip


@dataclass(frozen=True)
class DatabaseChoice:
    """The database that a run uses, and who said so."""

    url: URL | None  # None: the embedded one, whose URL is known when it runs
    label: str  # for people: "db.example.com:5432/app", "service crm", "embedded"; never a password
    origin: str  # "--database", "RI_DATABASE_URL", "DATABASE_URL", "ri.yaml", "PGHOST", "PGSERVICE", "default"
    embedded: bool
    warnings: tuple[str, ...] = ()


def choose_database(
    option: str | None,
    *,
    root: Path,
    configured: str | None,
    environ: Mapping[str, str] = os.environ,
) -> DatabaseChoice:
    """The first database named by: `option`, RI_DATABASE_URL, DATABASE_URL, `configured`, PG*; else the embedded one.

    `configured` is `database:` of ri.yaml, already expanded. Nothing is connected to. Raises DatabaseError
    "database-address" when an address cannot be read; its text never holds the address.

    >>> choose_database("postgres://me:secret@db/app", root=Path("."), configured=None, environ={}).label
    'db:5432/app'
    """
    named = (
        ("--database", "--database", option),
        ("RI_DATABASE_URL", "RI_DATABASE_URL", environ.get("RI_DATABASE_URL")),
        ("DATABASE_URL", "DATABASE_URL", environ.get("DATABASE_URL")),
        ("ri.yaml", f"database in {root / 'ri.yaml'}", configured),
    )
    for origin, place, address in named:
        if address and address.strip():
            return _choice(address.strip(), origin, place=place, environ=environ)
    for variable in ("PGHOST", "PGSERVICE"):
        if environ.get(variable):
            return DatabaseChoice(URL.create(DRIVER), _label({}, environ), variable, embedded=False)
    return DatabaseChoice(None, EMBEDDED, "default", embedded=True)


def open_engine(choice: DatabaseChoice, root: Path) -> Engine:
    """An engine whose database answers, speaks UTF8 and is new enough; every connection of it is a new one.

    Starts the embedded database when it is chosen; `dispose()` ends our use of it. Raises DatabaseError
    "database-unreachable", "database-encoding", "database-version" or an "embedded-…" code.
    """
    if choice.url is not None:
        return _checked(_engine(choice.url), choice)
    attached = embedded.attach(root)
    engine = _engine(make_url(attached.url))
    event.listen(engine, "do_connect", _connecting(root))
    event.listen(engine, "engine_disposed", _closing(attached))
    return _checked(engine, choice)


def refuse_other_driver(engine: Engine) -> None:
    """Raise DatabaseError when the engine does not speak psycopg2, whose COPY everything here relies on."""
    if f"{engine.dialect.name}+{engine.driver}" != DRIVER:
        raise DatabaseError(
            "database-driver",
            f"the engine's driver is {engine.driver}; ri works with psycopg2",
            hint='make it with create_engine("postgresql+psycopg2://…"), or give the address itself',
        )


def conninfo(choice: DatabaseChoice) -> tuple[str, str | None]:
    """The address of an external database as libpq's keyword string, and the password, which is not in it.

    >>> conninfo(choose_database("postgres://me:secret@db/app", root=Path("."), configured=None, environ={}))
    ('dbname=app host=db user=me', 'secret')
    """
    assert choice.url is not None, "the embedded database is attached to"
    parameters = choice.url.get_dialect()().create_connect_args(choice.url)[1]
    password = parameters.pop("password", None)
    parameters.pop("sslpassword", None)  # psql asks for it: its command line is not the place
    return make_dsn(**dict(sorted(parameters.items()))), password


def _connecting(root: Path) -> Callable[[Dialect, object, list[Any], dict[str, Any]], DBAPIConnection]:
    def connect(dialect: Dialect, _: object, arguments: list[Any], named: dict[str, Any]) -> DBAPIConnection:
        try:
            with embedded.without_pg_variables():
                return dialect.connect(*arguments, **named)
        except psycopg2.OperationalError:  # it has died meanwhile: who comes next starts it
            with suppress(DatabaseError), embedded.attach(root), embedded.without_pg_variables():
                return dialect.connect(*arguments, **named)
            raise

    return connect


def _closing(attached: embedded.Attached) -> Callable[[Engine], None]:
    def close(_: Engine) -> None:
        attached.close()

    return close


def _engine(url: URL) -> Engine:
    arguments: dict[str, Any] = {"fallback_application_name": "ri", "client_encoding": "utf8"}
    if "connect_timeout" not in url.query and "PGCONNECT_TIMEOUT" not in os.environ:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    arguments |= {name: value for name, value in _WATCHED_LINE.items() if name not in url.query}
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


def _checked(engine: Engine, choice: DatabaseChoice) -> Engine:
    try:
        with engine.connect() as connection:
            _check(connection, choice)
    except DBAPIError as error:
        engine.dispose()
        raise _unreachable(str(error.orig), engine.url, choice) from None  # the chain would print the arguments
    except DatabaseError:
        engine.dispose()
        raise
    return engine


def _check(connection: Connection, choice: DatabaseChoice) -> None:
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    if version < OLDEST_SERVER:
        raise DatabaseError(
            "database-version",
            f"{choice.label} is PostgreSQL {version}; ri needs {OLDEST_SERVER} or newer",
            hint="upgrade the server, or name another one with --database",
        )
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise DatabaseError(
            "database-encoding",
            f"{choice.label} stores text as {encoding}; ri needs a database in UTF8",
            hint="create one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )


def _unreachable(said: str, url: URL, choice: DatabaseChoice) -> DatabaseError:
    lines = [line.strip() for line in _scrubbed(said, url).splitlines() if line.strip()]
    return DatabaseError(
        "database-unreachable",
        f"cannot connect to {choice.label} ({choice.origin}): {' '.join(lines)}",
        hint=what_to_try(said),
    )


def _scrubbed(text: str, url: URL) -> str:
    secrets = {url.password, url.query.get("sslpassword"), os.environ.get("PGPASSWORD")}
    plain = [secret for secret in secrets if isinstance(secret, str) and secret]
    for secret in sorted({form for word in plain for form in (word, quote(word, safe=""))}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _choice(address: str, origin: str, *, place: str, environ: Mapping[str, str]) -> DatabaseChoice:
    if address == EMBEDDED:
        return DatabaseChoice(None, EMBEDDED, origin, embedded=True)
    parameters = _parse(address, place)
    warnings: tuple[str, ...] = ()
    if origin == "--database" and "password" in parameters:
        warnings = (
            "the password in --database can be read by everybody on this machine (ps): "
            "put it in ~/.pgpass, PGPASSWORD or RI_DATABASE_URL",
        )
    return DatabaseChoice(_url(parameters), _label(parameters, environ), origin, embedded=False, warnings=warnings)


def _parse(address: str, place: str) -> dict[str, str]:
    """The address as libpq's keywords. No error shows more of it than a keyword: the rest may hold a password."""
    if not re.search(r"[:=/]", address):
        return {"service": address}
    scheme, separator, rest = address.partition("://")
    dialect = scheme.partition("+")[0]  # other tools of the project may name a driver: postgresql+asyncpg://
    is_url = bool(separator) and re.fullmatch(r"[a-z0-9+.]+", scheme) is not None
    if is_url and dialect not in ("postgres", "postgresql"):
        raise _unreadable(f"{place} names a {dialect} database; ri imports into PostgreSQL")
    try:
        parameters = {
            name: str(value) for name, value in parse_dsn(f"{dialect}://{rest}" if is_url else address).items()
        }
    except psycopg2.ProgrammingError as error:
        raise _unparsed(str(error), place) from None
    if not all(port.isdecimal() for port in parameters.get("port", "").split(",") if port):
        raise _unreadable(f"{place} has a port that is not a number (in a URL, a password's : / @ are %3A %2F %40)")
    return parameters


def _unparsed(said: str, place: str) -> DatabaseError:
    unknown = re.search(r'invalid (?:connection option|URI query parameter):? "(\w+)"', said)
    if unknown:
        return _unreadable(f'{place} has the unknown parameter "{unknown[1]}"{did_you_mean(unknown[1], _KEYWORDS)}')
    return _unreadable(f"{place} is not a database address")


def _unreadable(message: str) -> DatabaseError:
    return DatabaseError(
        "database-address",
        message,
        hint="expected postgresql://user@host:5432/name, host=… dbname=…, the name of a service, or embedded",
    )


def _url(parameters: Mapping[str, str]) -> URL:
    """The URL for SQLAlchemy. A socket's folder and several hosts go into its query, where they stay as they are."""
    rest = dict(parameters)
    host, port = rest.get("host", ""), rest.get("port", "")
    plain = bool(host) and not re.search("[/,]", host + port)
    if plain:
        del rest["host"]
        rest.pop("port", None)
    return URL.create(
        DRIVER,
        username=rest.pop("user", None),
        password=rest.pop("password", None),
        host=host if plain else None,
        port=int(port) if plain and port else None,
        database=rest.pop("dbname", None),
        query=rest,
    )


def _label(parameters: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The database as a person would name it. What the address leaves open, PG* variables say."""

    def said(keyword: str, variable: str, default: str) -> str:
        return parameters.get(keyword) or environ.get(variable) or default

    service = said("service", "PGSERVICE", "")
    if service and not parameters.get("host"):
        return f"service {service}"
    host = said("host", "PGHOST", "") or said("hostaddr", "PGHOSTADDR", "local")
    port = said("port", "PGPORT", "5432")
    database = said("dbname", "PGDATABASE", "") or said("user", "PGUSER", "")
    hosts = host.split(",")
    ports = port.split(",") if "," in port else [port] * len(hosts)
    places = ",".join(
        f"{f'[{name}]' if ':' in name else name}:{number or 5432}" for name, number in zip(hosts, ports, strict=False)
    )
    return f"{places}/{database}" if database else places
