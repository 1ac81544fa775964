"""The command `centralino`; `docs/command-line.md` says what it does.

Exit codes: 0 done; 1 it could not be done; 2 the command is wrong; 3 some rows of an import were
rejected; 130 interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from centralino.domain.errors import CentralinoError, PayloadError
from centralino_cli import (
    agents,
    calls,
    crm,
    customers,
    dialling,
    importing,
    keys,
    nodes,
    numbers,
    pbx,
    registrations,
    report,
    routing,
    rules,
    schedules,
    settings,
    tenants,
)
from centralino_cli.desk import USAGE, CommandError, say
from centralino_cli.service import ServiceError

if TYPE_CHECKING:
    from centralino_cli.desk import Desk

INTERRUPTED = 130


class Commands(TyperGroup):
    """Commands whose failures are one line on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own
        """Run a command."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            code, message = error.code, str(error)
        except PayloadError as error:
            code, message = USAGE, str(error)
        except (CentralinoError, ServiceError) as error:
            code, message = 1, str(error)
        except BrokenPipeError:
            raise  # `centralino ... | head`: nobody reads on, which typer ends quietly
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            code, message = 1, f"{error.strerror or error}{where}"
        except KeyboardInterrupt:
            code, message = INTERRUPTED, "interrupted"
        say(f"centralino: {' '.join(message.split())}")
        raise typer.Exit(code)


app = typer.Typer(
    cls=Commands,
    help="Centralino on the command line: tenants, keys, settings, contacts, CRMs, calls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(calls.lookup)
app.command()(calls.explain)
app.command("explain-route")(rules.explain_route)
app.command()(calls.whoami)
app.command("import")(importing.import_file)
app.add_typer(agents.app, name="agents")
app.add_typer(crm.app, name="crm")
app.add_typer(customers.app, name="customers")
app.add_typer(dialling.app, name="dialling")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(nodes.app, name="nodes")
app.add_typer(numbers.app, name="numbers")
app.add_typer(pbx.app, name="pbx")
app.add_typer(registrations.app, name="registrations")
app.add_typer(report.app, name="report")
app.add_typer(routing.app, name="routing")
app.add_typer(rules.app, name="rules")
app.add_typer(schedules.app, name="schedules")
app.add_typer(settings.app, name="settings")


def main(args: list[str] | None = None, desk: Desk | None = None) -> None:
    """Run the command line and exit.

    Args:
        args: the words after `centralino`; those of the process if None.
        desk: what is around; the real thing if None.
    """
    app(args=args, prog_name="centralino", obj=desk)
