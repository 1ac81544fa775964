"""`registrations secret|close`: what the company's site signs registrations with."""

# Typer reads the annotations at run time.
import typer

from centralino.application.registration_secret import (
    remove_registration_secret,
    renew_registration_secret,
)
from centralino.domain.errors import NotFoundError
from centralino_cli.connecting import find_keeper
from centralino_cli.desk import find_desk, say
from centralino_cli.options import Secrets, Tenant
from centralino_cli.show import print_line

app = typer.Typer(
    help="Let the company's site register customers. Needs AWS credentials.",
    no_args_is_help=True,
)


@app.command("secret")
def secret(context: typer.Context, tenant: Tenant = "", place: Secrets = "") -> None:
    """Make the secret that the site signs with, and print it: this is the only time.

    The one before stays good until another one is made.
    """
    desk = find_desk(context)
    name = desk.tenant(tenant)
    print_line(renew_registration_secret(find_keeper(desk, place), name))
    say(f"sign Standard Webhooks to /v1/registrations of {name} with it; it is not shown again")


@app.command("close")
def close(context: typer.Context, tenant: Tenant = "", place: Secrets = "") -> None:
    """Take no registrations any more; running functions stop within a quarter of an hour."""
    desk = find_desk(context)
    name = desk.tenant(tenant)
    if not remove_registration_secret(find_keeper(desk, place), name):
        raise NotFoundError(f"tenant {name} has no secret for registrations")
    say(f"tenant {name} takes no registrations any more")
