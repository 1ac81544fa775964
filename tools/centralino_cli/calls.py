"""`lookup`, `explain`, `whoami`: what a phone would show, why, and whose key this is."""

import typer

from centralino_cli.desk import find_desk, say
from centralino_cli.options import AsJson, CarrierName, Did, Key, Number, Trunk, Url
from centralino_cli.service import path_of
from centralino_cli.show import print_fields, print_json, print_line, print_table


def lookup(  # noqa: PLR0913, PLR0917 - what a call is made of
    context: typer.Context,
    number: Number,
    did: Did = "",
    trunk: Trunk = "",
    name: CarrierName = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Say who is calling, as the phone would show it.

    The first line is the label; there is none if nobody has the number.
    """
    with find_desk(context).service(url, key) as service:
        query = {"number": number, "did": did, "trunk": trunk, "name": name, "format": "json"}
        found = service.get(path_of("lookup"), query)
    if as_json:
        print_json(found)
        return
    if found["label"]:
        print_line(found["label"])
    parts = [found[part] for part in ("outcome", "contact_id", "company", "customer_code", "url")]
    say("  ".join(part for part in parts if part))


def explain(  # noqa: PLR0913, PLR0917 - what a call is made of
    context: typer.Context,
    number: Number,
    did: Did = "",
    trunk: Trunk = "",
    name: CarrierName = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Say how a number is understood, what was found, and why the others lost."""
    with find_desk(context).service(url, key) as service:
        query = {"number": number, "did": did, "trunk": trunk, "name": name}
        told = service.get(path_of("explain"), query)
    if as_json:
        print_json(told)
        return
    line, contact = told["line"], told["contact"] or {}
    print_fields(
        [
            ("outcome", told["outcome"]),
            ("label", told["label"]),
            ("reason", told["reason"]),
            ("understood as", f"{told['cleaned']} ({told['kind']}, {told['shape']})"),
            ("internal", told["exten"]),
            ("rules", ", then ".join(told["rules"])),
            ("line", f"{line['country']}, area {line['area_code'] or '-'}, {line['cli_format']}"),
            ("matched", told["matched"]),
            ("ambiguous", ", ".join(told["ambiguous"])),
            ("contact", "  ".join(filter(None, (contact.get("id"), contact.get("name"))))),
            ("company", contact.get("company")),
            ("others", told["others"] or ""),
            ("CRM search", ", ".join(told["variants"])),
        ]
    )
    if told["candidates"]:
        print_line("")
        rows = [
            (reading["key"], reading["reason"], str(reading["holders"]), reading["lost"])
            for reading in told["candidates"]
        ]
        print_table(("CANDIDATE", "BECAUSE", "CONTACTS", "LOST"), rows)
    if told["lost"]:
        print_line("")
        print_table(("ALSO HAS IT", "LOST"), [(lost["id"], lost["why"]) for lost in told["lost"]])


def whoami(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Say whose key this is, and how much the tenant has of what."""
    with find_desk(context).service(url, key) as service:
        told = service.get(path_of("whoami"))
    if as_json:
        print_json(told)
        return
    counts = told["counts"]
    more = " or more" if counts["contacts_at_least"] else ""
    print_fields(
        [
            ("tenant", told["tenant"]),
            ("role", told["role"]),
            ("key", told["name"]),
            ("expires", told["expires_at"]),
            ("country", told["country"]),
            ("contacts", f"{counts['contacts']}{more}"),
            *((name, counts[name]) for name in ("keys", "extens", "trunks", "dids")),
        ]
    )
