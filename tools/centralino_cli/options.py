"""The options that several commands share."""

# Typer reads these at run time.
from typing import Annotated

import typer

Url = Annotated[str, typer.Option(help="The service's URL; else CENTRALINO_URL.", metavar="URL")]
Key = Annotated[str, typer.Option(help="The API key; else CENTRALINO_KEY.", metavar="KEY")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Table = Annotated[
    str,
    typer.Option(
        help="The DynamoDB table, reached with AWS credentials; else CENTRALINO_TABLE.",
        metavar="NAME",
    ),
]
Tenant = Annotated[str, typer.Option(help="The tenant; else CENTRALINO_TENANT.", metavar="ID")]
Secrets = Annotated[
    str,
    typer.Option(
        "--secret-store",
        help="Where secrets of CRMs are; else CENTRALINO_SECRETS.",
        metavar="PLACE",
    ),
]
AccountSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting that is no secret, as base_url=https://…"
    ),
]
SecretsFile = Annotated[
    str,
    typer.Option(
        metavar="FILE", help="JSON with the secrets, - for stdin; else they are asked for."
    ),
]
Bucket = Annotated[
    str, typer.Option(help="The stack's bucket; else CENTRALINO_BUCKET.", metavar="NAME")
]
Number = Annotated[
    str, typer.Argument(help="The caller's number, exactly as the carrier or PBX delivers it.")
]
Did = Annotated[str, typer.Option(help="The number that was called.", metavar="NUMBER")]
Trunk = Annotated[str, typer.Option(help="The line that the call came in on.", metavar="NAME")]
CarrierName = Annotated[
    str, typer.Option("--name", help="The name that the carrier sent.", metavar="NAME")
]
