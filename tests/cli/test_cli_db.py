"""`ri db` on a real embedded server in a project of its own."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg2
import pytest

from ri_declarative.cli.main import main


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_status_and_stop_before_there_is_a_server_change_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", "status"]) == 0
    assert capsys.readouterr().out.startswith("embedded PostgreSQL: not made yet\n")
    assert main(["db", "stop"]) == 0
    assert capsys.readouterr().err == "it was not running\n"
    assert main(["db", "url", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "embedded-stopped"
    assert not (project / ".ri").exists()


def test_a_started_server_is_reached_by_its_url_and_stopped_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", "start", "--json"]) == 0
    started = json.loads(capsys.readouterr().out)
    try:
        assert (started["schema"], started["action"], started["running"]) == ("ri.db/1", "start", True)
        assert main(["db", "url"]) == 0
        url = capsys.readouterr().out.rstrip("\n")
        connection = psycopg2.connect(url)  # libpq's own spelling, as psql wants it
        connection.close()
        assert main(["db", "status"]) == 0
        assert url in capsys.readouterr().out
    finally:
        assert main(["db", "stop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["running"] is False


def test_outside_of_a_project_it_says_what_a_project_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["db", "status"]) == 2
    assert capsys.readouterr().err.startswith("error[no-project]")
