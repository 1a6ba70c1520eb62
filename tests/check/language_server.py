"""A client of yaml-language-server over stdio, as far as the tests need it: open a file, ask, close."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SERVER = Path("node_modules/yaml-language-server/bin/yaml-language-server")


class LanguageServer:
    """One running server with one folder."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin: IO[bytes] = process.stdin
        self._stdout: IO[bytes] = process.stdout
        self._folder = folder
        self._number = 0
        self._published: dict[str, list[dict[str, Any]]] = {}

    def start(self) -> None:
        """The handshake; the YAML settings that VS Code's extension sends by default."""
        capabilities = {
            "textDocument": {"completion": {"completionItem": {"snippetSupport": False}}, "hover": {}},
            "workspace": {"configuration": True},
        }
        folder = {"uri": self._folder.as_uri(), "name": "project"}
        asked = {"processId": os.getpid(), "rootUri": folder["uri"], "workspaceFolders": [folder]}
        self.request("initialize", {**asked, "capabilities": capabilities})
        self.notify("initialized", {})

    def diagnostics(self, path: Path) -> list[dict[str, Any]]:
        """Open the file; what the server underlines in it."""
        uri = path.as_uri()
        text = path.read_text(encoding="utf-8")
        self._published.pop(uri, None)
        self.notify(
            "textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}}
        )
        while uri not in self._published:
            self._handle(self._read())
        return self._published[uri]

    def completion(self, path: Path, line: int, character: int) -> list[dict[str, Any]]:
        """What the server offers at a place of an open file, counted from 0."""
        answer = self.request("textDocument/completion", _at(path, line, character))
        return list(answer["items"])

    def hover(self, path: Path, line: int, character: int) -> str:
        """What the server shows about a place of an open file, counted from 0; "" for nothing."""
        answer = self.request("textDocument/hover", _at(path, line, character))
        return str(answer["contents"]["value"]) if answer else ""

    def request(self, method: str, params: Any) -> Any:
        """Ask, and serve the server until its answer comes."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message.get("result")
            self._handle(message)

    def notify(self, method: str, params: Any) -> None:
        """Tell, and wait for nothing."""
        self._send({"method": method, "params": params})

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._published[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            result = None
            if message["method"] == "workspace/configuration":  # the settings: no schema store, no network
                settings = {
                    "yaml": {
                        "validate": True,
                        "hover": True,
                        "completion": True,
                        "schemaStore": {"enable": False, "url": ""},
                    }
                }
                result = [settings.get(item.get("section"), {}) for item in message["params"]["items"]]
            self._send({"id": message["id"], "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stdin.flush()

    def _read(self) -> dict[str, Any]:
        size = 0
        while line := self._stdout.readline().strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        assert size, "the language server has ended"
        message: dict[str, Any] = json.loads(self._stdout.read(size))
        return message


@contextmanager
def language_server(installed: Path, folder: Path) -> Iterator[LanguageServer]:
    """Within: a server that has `folder` open; afterwards no process of it is left."""
    command = ["node", str(installed / SERVER), "--stdio"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        server = LanguageServer(process, folder)
        server.start()
        yield server
    finally:
        process.kill()
        process.communicate()


def _at(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}
