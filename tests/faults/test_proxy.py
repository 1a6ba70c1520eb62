"""The tools of this suite do what they say: a fault that does not happen would prove everything."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from support.embedded import eventually
from support.postgres import Server

from faults.support.bouncer import PROGRAM, running_bouncer
from faults.support.proxy import AfterBytes, AtCommit, Moment, Proxy, Way, running_proxy

pytestmark = pytest.mark.faults

LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with running_proxy(server.socket_dir / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def numbers(database: str) -> str:
    """The name of a database with an empty table `numbers`."""
    with contextlib.closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE numbers (n int)")
    return database.partition("@/")[2].partition("?")[0]


def connected(proxy: Proxy, name: str) -> contextlib.closing[Connection]:
    return contextlib.closing(psycopg2.connect(proxy.url(f"postgresql://ri@/{name}"), connect_timeout=10))


def add_one(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO numbers VALUES (1)")
    connection.commit()


def stored(server: Server, name: str) -> int:
    with contextlib.closing(psycopg2.connect(server.url(name))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM numbers")
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def backends(server: Server, name: str) -> int:
    with contextlib.closing(psycopg2.connect(server.url("postgres"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,))
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def answered(connection: Connection) -> threading.Thread:
    """A thread that ends when a question has been answered, or the connection is lost."""

    def ask() -> None:
        with contextlib.suppress(*LOST), connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def ask_for_ever(cursor: Cursor) -> None:
    while True:
        cursor.execute("SELECT 'a question that is as long as its answer'")


def test_it_forwards_what_is_more_than_a_buffer(proxy: Proxy, numbers: str) -> None:
    with connected(proxy, numbers) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT repeat('x', 3000000)")
        assert cursor.fetchone() == ("x" * 3_000_000,)
    assert proxy.passed(Way.TO_CLIENT) > 3_000_000 > proxy.passed(Way.TO_SERVER) > 0


@pytest.mark.parametrize(
    ("moment", "rows"), [(Moment.UNSENT, 1), (Moment.DONE, 2), (Moment.HALF_ANSWERED, 2), (Moment.ANSWERED, 2)]
)
def test_it_cuts_around_the_second_commit(
    server: Server, proxy: Proxy, numbers: str, moment: Moment, rows: int
) -> None:
    proxy.when(AtCommit(moment, 2), proxy.cut)
    with connected(proxy, numbers) as connection:
        add_one(connection)
        assert not proxy.has_happened()
        if moment is Moment.ANSWERED:
            add_one(connection)
        with pytest.raises(LOST):
            add_one(connection)
    assert proxy.has_happened()
    assert eventually(lambda: backends(server, numbers) == 0)
    assert stored(server, numbers) == rows


@pytest.mark.parametrize("way", Way)
def test_it_cuts_after_that_many_bytes(proxy: Proxy, numbers: str, way: Way) -> None:
    with connected(proxy, numbers) as connection, connection.cursor() as cursor:
        before = proxy.passed(way)
        proxy.when(AfterBytes(1234, way), proxy.cut)
        with pytest.raises(LOST):
            ask_for_ever(cursor)
        assert proxy.passed(way) == before + 1234
    with connected(proxy, numbers) as connection:
        add_one(connection)


def test_a_stalled_one_passes_on_everything_in_the_end(server: Server, proxy: Proxy, numbers: str) -> None:
    with connected(proxy, numbers) as connection:
        proxy.when(AtCommit(Moment.UNSENT), proxy.stall)
        adding = threading.Thread(target=add_one, args=(connection,))
        adding.start()
        assert proxy.wait_until_it_happened()
        adding.join(0.2)
        assert adding.is_alive()
        assert stored(server, numbers) == 0
        proxy.go_on()
        adding.join(10)
        assert not adding.is_alive()
        assert stored(server, numbers) == 1


def test_of_a_half_open_one_only_the_server_knows(server: Server, proxy: Proxy, numbers: str) -> None:
    with connected(proxy, numbers) as connection:
        proxy.half_open()
        assert eventually(lambda: backends(server, numbers) == 0)
        asking = answered(connection)
        asking.join(0.2)
        assert asking.is_alive()
        proxy.cut()
        asking.join(10)
        assert not asking.is_alive()


def test_one_that_refuses_keeps_what_is_open(proxy: Proxy, numbers: str) -> None:
    with connected(proxy, numbers) as connection:
        proxy.refuse()
        with pytest.raises(psycopg2.OperationalError, match="refused"):
            psycopg2.connect(proxy.url(f"postgresql://ri@/{numbers}"))
        add_one(connection)
        proxy.accept()
        with connected(proxy, numbers) as another:
            add_one(another)


def test_a_delay_delays(proxy: Proxy, numbers: str) -> None:
    with connected(proxy, numbers) as connection:
        proxy.delay(0.2)
        asking = answered(connection)
        asking.join(0.2)
        assert asking.is_alive()
        asking.join(10)
        assert not asking.is_alive()


def test_a_client_that_reads_nothing_can_be_cut(proxy: Proxy, numbers: str) -> None:
    connection = psycopg2.connect(proxy.url(f"postgresql://ri@/{numbers}"), async_=True)
    assert eventually(lambda: connection.poll() == psycopg2.extensions.POLL_OK)
    connection.cursor().execute("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
    assert eventually(lambda: proxy.passed(Way.TO_CLIENT) > 500_000)
    proxy.close()  # fails when a thread hangs
    connection.close()


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
def test_pgbouncer_hands_a_connection_on_after_each_transaction(server: Server, numbers: str) -> None:
    with running_bouncer(f"host={server.socket_dir} port=5432 user=ri", default_pool_size="1") as bouncer:
        with (
            contextlib.closing(psycopg2.connect(bouncer.url(numbers))) as one,
            contextlib.closing(psycopg2.connect(bouncer.url(numbers))) as another,
        ):
            for connection in (one, another, one):
                add_one(connection)
            assert stored(server, numbers) == 3
            assert backends(server, numbers) == 1
        assert [pool["pool_mode"] for pool in bouncer.show("POOLS") if pool["database"] == numbers] == ["transaction"]
