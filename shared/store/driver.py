"""pg8000, with one round trip for a statement where it takes three, and with statements that the server remembers.

pg8000 asks the server to parse a statement, then what it answers with, then to run it, and waits each time; before
that it looks at each character of the text for placeholders. Here the dialect writes placeholders as PostgreSQL does
(``$1``), and all of it travels together, with the BEGIN in front of the first one of a transaction. From its second
time on, a connection names a statement that is parsed, and most often planned, already.

Protocol: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

import select
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from struct import pack
from typing import Any

from pg8000 import legacy
from pg8000.converters import make_params
from pg8000.core import Context, _flush, _write
from pg8000.exceptions import DatabaseError
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.dialects.postgresql.pg8000 import PGCompiler_pg8000, PGDialect_pg8000

# What a connection asks for again and again is far less; each costs the server some 100 KB.
MAX_PREPARED = 100

# A server that leaves says so, which costs nothing to see; one that vanished does not, nor one that we slept through.
TRUSTED_SECONDS = 5.0

_ERRORS = {"23505": legacy.IntegrityError, "28000": legacy.InterfaceError}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that the server has under a name, and what its rows look like; None when it answers with none."""

    name: bytes
    columns: list[dict[str, Any]] | None
    input_funcs: list[Any]


class Compiler(PGCompiler_pg8000):
    """pg8000 would have ``%`` doubled; nobody halves it here."""

    visit_mod_binary = PGCompiler.visit_mod_binary


class Dialect(PGDialect_pg8000):
    """The dialect of this driver: SQLAlchemy's own for pg8000, for engines with the paramstyle ``numeric_dollar``."""

    statement_compiler = Compiler
    supports_statement_cache = True

    def connect(self, *_: Any, **options: Any) -> "Connection":
        """Dial."""
        return Connection(**options)

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether a connection still works. One that was heard of just now, and has not hung up since, does."""
        if time.monotonic() - dbapi_connection.heard_at > TRUSTED_SECONDS or dbapi_connection.has_word():
            dbapi_connection.execute_simple(";")
        return True


class Cursor(legacy.Cursor):
    """Runs statements with arguments in one round trip; those without, which may be several, as pg8000 does."""

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> "Cursor":
        """Run a statement whose placeholders are ``$1``, ``$2``, ..."""
        if not args or stream is not None:
            super().execute(operation, args, stream)
            return self
        try:
            self._context = self._c.execute_prepared(operation, args)
        except DatabaseError as error:
            told = error.args[0]
            raise _ERRORS.get(told.get("C"), legacy.ProgrammingError)(told) from error
        self._row_iter = iter(self._context.rows or ())
        return self


class Connection(legacy.Connection):
    """A connection that remembers what its server has prepared, at most ``MAX_PREPARED`` statements."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()
        self._forgotten: list[bytes] = []
        self._numbers = count()
        self.heard_at = time.monotonic()

    def cursor(self) -> Cursor:
        """A cursor of this connection."""
        return Cursor(self)

    def commit(self) -> None:
        """End the transaction, if there is one; one round trip."""
        if self._in_transaction:
            self.execute_simple("commit")

    def rollback(self) -> None:
        """Undo the transaction, if there is one; one round trip."""
        if self._in_transaction:
            self.execute_simple("rollback")

    def execute_prepared(self, statement: str, values: Sequence[Any]) -> Context:
        """Run a statement, within a transaction unless in autocommit.

        One that fails is forgotten and parsed anew the next time: what it reads may have changed since.
        """
        if self._sock is None:
            raise legacy.InterfaceError("connection is closed")
        # What cannot be sent is refused before anything is.
        parameters = make_params(self.py_types, values)
        known = self._prepared.pop(statement, None)
        name = known.name if known else b"s%d" % next(self._numbers)
        messages = [_message(CLOSE, b"S", old, b"\0") for old in self._forgotten]
        if not (self._in_transaction or self.autocommit):
            messages += [_parse(b"", BEGIN), _bind(b"", ()), RUN]
        messages += [_bind(name, parameters), RUN] if known else _first_time(name, statement, parameters)
        context = Context(statement, None, known.columns, known.input_funcs) if known else Context(statement)
        _write(self._sock, b"".join([*messages, SYNC]))
        _flush(self._sock)
        # Should the rest fail, the server has closed these all the same: nothing comes before them.
        self._forgotten = []
        try:
            self.handle_messages(context)
        except DatabaseError:
            self._forgotten.append(name)
            raise
        self._remember(statement, known or Prepared(name, context.columns, context.input_funcs))
        return context

    def handle_messages(self, context: Context) -> None:
        """Read to the end of an answer. Whoever gives up before it hangs up: the rest would be taken for the next."""
        try:
            super().handle_messages(context)
        except DatabaseError:
            raise
        except BaseException:
            with suppress(OSError):
                self._usock.shutdown(socket.SHUT_RDWR)
            raise
        self.heard_at = time.monotonic()

    def has_word(self) -> bool:
        """Whether the server has said something unasked, most likely that it leaves."""
        return bool(select.select([self._usock], [], [], 0)[0])

    def _remember(self, statement: str, prepared: Prepared) -> None:
        """Under the newest ones; the one that was not asked for the longest time leaves with the next round trip."""
        self._prepared[statement] = prepared
        if len(self._prepared) > MAX_PREPARED:
            self._forgotten.append(self._prepared.popitem(last=False)[1].name)


def _message(code: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return code + pack("!i", len(body) + 4) + body


def _parse(name: bytes, statement: bytes) -> bytes:
    return _message(PARSE, name, b"\0", statement, b"\0\0\0")


def _bind(name: bytes, parameters: Sequence[str | None]) -> bytes:
    """Parameters and answers are text; the types of parameters are the casts of the statement."""
    values = [_value(parameter) for parameter in parameters]
    return _message(BIND, b"\0", name, b"\0\0\0", pack("!H", len(values)), *values, b"\0\0")


def _value(parameter: str | None) -> bytes:
    if parameter is None:
        return NULL
    encoded = parameter.encode()
    return pack("!i", len(encoded)) + encoded


def _first_time(name: bytes, statement: str, parameters: Sequence[str | None]) -> list[bytes]:
    return [_parse(name, statement.encode()), _bind(name, parameters), _message(DESCRIBE, b"P\0"), RUN]


PARSE, BIND, DESCRIBE, EXECUTE, CLOSE = b"P", b"B", b"D", b"E", b"C"
NULL = pack("!i", -1)
BEGIN = b"begin transaction"
RUN = _message(EXECUTE, b"\0\0\0\0\0")
SYNC = _message(b"S")
