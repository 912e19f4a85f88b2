"""What servers and libpq report, and the sentence that a person gets instead: tables, first match wins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from simulator.errors import one_line
from simulator.i18n.text import N_, Text, Value

_SCRAP = 200


class Failure(NamedTuple):
    """`pattern` is looked for in the report, which is English; `sentence` may use {place}, {report} and more."""

    pattern: str
    sentence: str


#: while a data folder is made, or its server started or stopped; {place} is the folder
CLUSTER_FAILURES: tuple[Failure, ...] = (
    # First: the system says "No space left on device" of these, too.
    Failure(
        "Cannot allocate memory|could not map|could not (create|resize) shared memory|could not create semaphores",
        N_("There is not enough memory to start the server in {place}; close other programs and try again."),
    ),
    Failure(
        "No space left on device",
        N_("The disk is full: {place} could not be written. Free some space, or set TXSCOPE_DATA to another disk."),
    ),
    Failure(
        "Disk quota exceeded",
        N_("The disk quota is used up: {place} could not be written. Free some space, or set TXSCOPE_DATA."),
    ),
    Failure(
        "wrong ownership",
        N_("{place} belongs to another user of this machine; start as that user, or set TXSCOPE_DATA."),
    ),
    Failure(
        "Permission denied",
        N_("{place} may not be read or written; set TXSCOPE_DATA to a folder that you may write to."),
    ),
    Failure(
        "Operation not permitted",
        N_("{place} may not be read or written; set TXSCOPE_DATA to a folder that you may write to."),
    ),
    Failure(
        "Read-only file system",
        N_("{place} is on a read-only disk; set TXSCOPE_DATA to a folder that you may write to."),
    ),
    Failure(
        "Not a directory|File exists",
        N_("{place} is not a folder; set TXSCOPE_DATA to one that you may write to."),
    ),
    Failure(
        "File name too long",
        N_("The path {place} is too long; set TXSCOPE_DATA to a shorter one."),
    ),
    Failure(
        "No such file or directory",
        N_("{place} cannot be made there; set TXSCOPE_DATA to a folder that you may write to."),
    ),
    Failure(
        "initialized by PostgreSQL version",
        N_("The data in {place} is of another PostgreSQL version; remove that folder, or set TXSCOPE_DATA."),
    ),
    Failure(
        "PANIC:|incompatible with server|valid checkpoint record|corrupted|invalid page|incorrect checksum",
        N_("The data in {place} is damaged ({report}); remove that folder: nothing in it is needed after a run."),
    ),
    Failure(
        "",
        N_("The server in {place} did not start: {report}. Remove that folder, or set TXSCOPE_DATA to another one."),
    ),
)

#: while connecting to the server that DATABASE_URL names; {host}, {port}, {database}, {user} are known besides {place}
CONNECT_FAILURES: tuple[Failure, ...] = (
    Failure(
        r"failed to resolve host|could not translate host name",
        N_("there is no host called {host} (DATABASE_URL names {place})"),
    ),
    Failure(
        r"Connection refused",
        N_("nothing answers at {host}, port {port} (DATABASE_URL names {place})"),
    ),
    Failure(
        r"timeout expired|timed out",
        N_("what is at {host}, port {port} does not answer within {seconds} seconds (DATABASE_URL names {place})"),
    ),
    Failure(
        r"No route to host|Network is unreachable|Host is down",
        N_("the network has no way to {host}, port {port} (DATABASE_URL names {place})"),
    ),
    Failure(
        r"on socket .*: (No such file|Permission denied|Not a directory)",
        N_("no server's socket can be opened in {host} (DATABASE_URL names {place})"),
    ),
    Failure(
        r"no password supplied",
        N_("the server {place} asks for a password and DATABASE_URL has none"),
    ),
    Failure(
        r"password authentication failed",
        N_("the server {place} refuses this user name with this password"),
    ),
    Failure(
        r"(Peer|Ident|GSSAPI|LDAP|PAM|RADIUS|certificate) authentication failed",
        N_("the server does not let {user} log in to {place} in this way ({report})"),
    ),
    Failure(
        r'database ".*" does not exist',
        N_("there is no database called {database} (DATABASE_URL names {place})"),
    ),
    Failure(
        r'role ".*" does not exist',
        N_("there is no role called {user} (DATABASE_URL names {place})"),
    ),
    Failure(
        r"is not permitted to log in",
        N_("the role {user} may not log in (DATABASE_URL names {place})"),
    ),
    Failure(
        r"permission denied for database",
        N_("the role {user} may not connect to {place}; its owner can run: GRANT CONNECT, CREATE ON DATABASE ..."),
    ),
    Failure(
        r"no pg_hba.conf entry .*(SSL encryption|SSL on)",
        N_("the server {place} lets nobody in from this machine: its pg_hba.conf has no entry for it"),
    ),
    Failure(
        r"no pg_hba.conf entry",
        N_("the server {place} lets nobody in without TLS, or not from this machine; add ?sslmode=require"),
    ),
    Failure(
        r"server does not support SSL",
        N_("the server {place} does not offer TLS and DATABASE_URL asks for it with sslmode"),
    ),
    Failure(
        r"certificate verify failed|root certificate|certificate .*(expired|not trusted)|does not match host name",
        N_("the TLS certificate of {place} could not be verified ({report})"),
    ),
    Failure(
        r"too many clients|too many connections|remaining connection slots",
        N_("the server {place} has no connection left for {user}; close some and try again"),
    ),
    Failure(
        r"system is (starting up|shutting down|in recovery mode|not (yet )?accepting)|not yet accepting connections",
        N_("the server {place} is just starting or stopping; try again in a moment"),
    ),
    Failure(
        r"unsupported frontend protocol",
        N_("the server {place} is too old; Txscope needs PostgreSQL 14 or newer"),
    ),
    Failure(
        r"invalid response to|expected authentication request|received unexpected|protocol violation|message contents",
        N_("what answers at {host}, port {port} is not PostgreSQL (DATABASE_URL names {place})"),
    ),
    Failure(
        r"server closed the connection unexpectedly|Connection reset|Broken pipe|connection aborted",
        N_("what answers at {host}, port {port} hangs up; it may not be PostgreSQL (DATABASE_URL names {place})"),
    ),
    Failure(
        r"SSL error|SSL SYSCALL|unexpected eof while reading|wrong version number",
        N_("TLS with {host}, port {port} fails ({report}); it may not be PostgreSQL (DATABASE_URL names {place})"),
    ),
    Failure(
        r"^.*(invalid|bad) .*(value|option)",
        N_("an option after the ? of DATABASE_URL is not valid ({report})"),
    ),
    Failure(
        "",
        N_("the server {place} refuses the connection ({report})"),
    ),
)


def explain(failures: Sequence[Failure], report: str, **values: Value | Text) -> Text:
    """The sentence for what was reported; `{report}` in it is the report's most telling line."""
    sentence = next(failure.sentence for failure in failures if re.search(failure.pattern, report))
    return Text(sentence).given(report=_telling(report), **values)


def _telling(report: str) -> str:
    lines = [one_line(line) for line in report.splitlines() if line.strip()]
    marked = [line for line in lines if any(mark in line for mark in ("FATAL:", "PANIC:", "ERROR:", "error:"))]
    line = (marked or lines or ["?"])[-1 if not marked else 0]
    for mark in ("FATAL:", "PANIC:", "ERROR:", "error:"):
        line = line.rpartition(mark)[2].strip() or line
    return line[:_SCRAP].rstrip(".")
