"""The command line: `python -m infra.local up|serve|invoke|logs|psql|reseal|reset`."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from infra.local import environment
from infra.local.home import Home, LocalCloudError
from infra.local.places import PostgresError
from infra.local.postgres import EmbeddedPostgres

FUNCTIONS = ("api", "creator", "executor", "cleaner", "migrate")
HOSTED = ("api", "creator", "executor", "cleaner")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; answers the exit status. Modules are imported by the command that needs them."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run is not _psql:
        parser.error(f"what is {' '.join(rest)}?")
    options.rest = rest
    try:
        status: int = options.run(Home.of_environment(), options)
    except (LocalCloudError, PostgresError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="Cronny on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="run everything; PORT, DEMO=0, DB_HOST, AWS_ENDPOINT_URL are honoured")
    up.add_argument("--watch", action="store_true", help="deploy again whenever a source file changes")
    up.add_argument("--at", help="let it be this instant instead of now, in a cloud and a database of its own")
    up.add_argument("--speed", help="and let time go this many times as fast from there on (default: 60)")
    up.add_argument("--cron", help="the expression of the demo's schedule then (default: 30 2 * * *)")
    up.add_argument("--zone", help="and its time zone (default: Europe/Berlin)")
    up.set_defaults(run=_up)
    serve = commands.add_parser("serve", help="host one function in the foreground, without the emulator's workers")
    serve.add_argument("function", choices=HOSTED)
    serve.add_argument("--port", type=int, help="of the api (default: PORT, else 8009)")
    serve.add_argument("--threads", type=int, default=1, help="of the executor: how many messages at once")
    serve.set_defaults(run=_serve)
    invoke = commands.add_parser("invoke", help="run one handler once")
    invoke.add_argument("function", choices=FUNCTIONS)
    invoke.add_argument("event", type=Path, help="a JSON file")
    invoke.set_defaults(run=_invoke)
    logs = commands.add_parser("logs", help="print what the deployed functions wrote")
    logs.add_argument("function", choices=FUNCTIONS, nargs="?")
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    logs.set_defaults(run=_logs)
    psql = commands.add_parser("psql", help="open a prompt on the database; more arguments go to psql")
    psql.set_defaults(run=_psql)
    reseal = commands.add_parser("reseal", help="seal every secret anew, under the key of now")
    reseal.set_defaults(run=_reseal)
    reset = commands.add_parser("reset", help="delete the local cloud's data")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.set_defaults(run=_reset)
    return parser


def _up(home: Home, options: argparse.Namespace) -> int:
    from infra.local.up import up
    from infra.local.virtual import VirtualRun, home_of

    run = VirtualRun.of(options.at, options.speed, options.cron, options.zone)
    up(home_of(home) if run else home, options.watch, run)
    return 0


def _serve(home: Home, options: argparse.Namespace) -> int:
    from infra.local.serve import serve

    serve(home, options.function, options.port, options.threads)
    return 0


def _invoke(home: Home, options: argparse.Namespace) -> int:
    from infra.local.invoke import invoke

    return invoke(home, options.function, options.event)


def _logs(home: Home, options: argparse.Namespace) -> int:
    from infra.local.logs import logs

    logs(home, options.function, options.follow)
    return 0


def _psql(home: Home, options: argparse.Namespace) -> int:
    with environment.database(home) as found:
        settings = environment.load(home, found)
        login = {
            "PGHOST": settings.db_host,
            "PGPORT": str(settings.db_port),
            "PGUSER": settings.db_user,
            "PGPASSWORD": settings.db_password,
            "PGDATABASE": settings.db_name,
            "PGSSLMODE": settings.db_ssl,
        }
        program = str(EmbeddedPostgres(home.path).psql())
        return subprocess.run([program, *options.rest], env=os.environ | login, check=False).returncode


def _reseal(home: Home, options: argparse.Namespace) -> int:
    from infra.local.reseal import reseal_all

    return reseal_all(home)


def _reset(home: Home, options: argparse.Namespace) -> int:
    from infra.local.reset import reset

    return reset(home, ask=not options.yes)


if __name__ == "__main__":
    sys.exit(main())
