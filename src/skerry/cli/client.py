"""Asking a manager or a node over HTTPS with an identity's three files, one connection a question.

The certificate at the other end says who answers: a manager, or one node of a site. So a verb needs no word about which
of the two it was pointed at. Answers are bounded in size, and waiting for them in time; only `lines` goes on for ever.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from skerry.adapters.keys.tls import Identity, Kind, TlsFiles, client_context, peer_identity
from skerry.cli.errors import Failed, Unreachable

ANSWER_BYTES_MAX = 32 * 1024 * 1024
LINE_BYTES_MAX = 1024 * 1024
WITHIN_S = 10.0
ERRORS_SHOWN_MAX = 2_000


class Answer(NamedTuple):
    """Status and JSON."""

    status: int
    value: Any


class Server:
    """One manager or node."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        """`address`: `host:port`."""
        self.address = address
        self._context = context
        self._who: Identity | None = None

    @property
    def who(self) -> Identity:
        """Whose certificate is at the other end. Raises `Failed`, `Unreachable`."""
        if self._who is None:
            self._connect().close()
        assert self._who is not None
        return self._who

    @property
    def is_manager(self) -> bool:
        """Whether a manager answers there. Raises as `who`."""
        return self.who.kind is Kind.MANAGER

    def ask(self, method: str, path: str, body: bytes | None = None, within_s: float = WITHIN_S) -> Answer:
        """Ask and wait for the whole answer. Raises `Failed`, `Unreachable`."""
        connection = self._connect(within_s)
        try:
            answer = self._begin(connection, method, path, body)
            raw = answer.read(ANSWER_BYTES_MAX + 1)
            if len(raw) > ANSWER_BYTES_MAX:
                raise Failed(f"{self.address}{path}: the answer has more than {ANSWER_BYTES_MAX} bytes; ask for less")
            return Answer(answer.status, json.loads(raw) if raw else None)
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError) as error:
            raise self._closed(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        except ValueError as error:
            raise Failed(f"{self.address}{path}: the answer is not JSON: {error}") from error
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The JSON of a GET that is answered with 200. Raises `Failed` with what the server said otherwise."""
        return self._fine(path, self.ask("GET", path))

    def post(self, path: str, body: bytes) -> Any:
        """The JSON of a POST that is answered with success. Raises `Failed` with what the server said otherwise."""
        return self._fine(path, self.ask("POST", path, body))

    def delete(self, path: str) -> Any:
        """As `get`, of a DELETE."""
        return self._fine(path, self.ask("DELETE", path))

    def lines(self, path: str) -> Iterator[Any]:
        """Each line of an endless answer as it comes. Raises `Failed`, `Unreachable`, also when it breaks off."""
        connection = self._connect()
        sock = connection.sock
        try:
            answer = self._begin(connection, "GET", path, None)
            if answer.status != 200:
                raise Failed(f"https://{self.address}{path}: {said(Answer(answer.status, None))}")
            sock.settimeout(None)  # nothing may happen for as long as it likes
            while line := answer.readline(LINE_BYTES_MAX):
                yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"https://{self.address}{path}: the stream broke off: {error}") from error
        finally:
            connection.close()
        raise Unreachable(f"https://{self.address}{path}: the stream ended: whoever sent it has stopped")

    def _connect(self, within_s: float = WITHIN_S) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self.address, timeout=within_s, context=self._context)
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise Failed(
                f"https://{self.address}: its certificate is not of the authority in your ca.pem "
                f"({error.verify_message}); is the address right, and --identity of the same manager?"
            ) from error
        except ssl.SSLError as error:
            raise self._closed(error) from error
        except OSError as error:
            raise self._silent(error) from error
        assert isinstance(connection.sock, ssl.SSLSocket)
        self._who = peer_identity(connection.sock.getpeercert())
        if self._who is None:
            connection.close()
            raise Failed(f"https://{self.address}: its certificate is neither a manager's nor a node's")
        return connection

    def _begin(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse()

    def _closed(self, error: OSError) -> Failed:
        """Somebody is there and hangs up, which servers do when they do not know a certificate."""
        why = (error.reason if isinstance(error, ssl.SSLError) else None) or str(error)
        return Failed(
            f"https://{self.address}: hung up without an answer ({why}), as with a certificate of another authority; "
            "is --identity of the same manager?"
        )

    def _silent(self, error: Exception) -> Unreachable:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreachable(f"https://{self.address}: nobody answers there ({why}); does it run, and is that its --api?")

    def _fine(self, path: str, answer: Answer) -> Any:
        if 200 <= answer.status < 300:
            return answer.value
        raise Failed(f"https://{self.address}{path}: {said(answer)}")


def said(answer: Answer) -> str:
    """Why a server refused, in its own words."""
    value = answer.value if isinstance(answer.value, dict) else {}
    words = value.get("error") or value.get("detail") or json.dumps(answer.value)
    return f"{words} (status {answer.status})"[:ERRORS_SHOWN_MAX]


def server(address: str, identity: Path) -> Server:
    """A server, asked with the identity in a folder: `ca.pem`, `cert.pem`, `key.pem`. Raises `Failed`."""
    try:
        return Server(address, client_context(TlsFiles.within(identity)))
    except OSError as error:  # `ssl.SSLError` is one
        raise Failed(
            f"{identity}: cannot be used as an identity ({error.strerror or error}); expected ca.pem, cert.pem and "
            "key.pem in it, such as the manager's folder operators/admin"
        ) from error
