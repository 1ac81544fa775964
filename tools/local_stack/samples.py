"""What `make run` prints to try: commands that a test plays as they are."""

from __future__ import annotations

import json
from shlex import quote
from typing import TYPE_CHECKING

from local_stack.demo_routing import OFFICINE, TRATTORIA

if TYPE_CHECKING:
    from local_stack.stack import Stack

NEW_CONTACT = {
    "first_name": "Ada",
    "last_name": "Neri",
    "numbers": [{"number": "02 1234567", "kind": "direct"}],
}


NEW_EVENT = {
    "type": "contact.updated",
    "timestamp": "2026-11-21T10:00:00Z",
    "data": {
        "id": "17",
        "first_name": "Nina",
        "last_name": "Costa",
        "numbers": [{"number": "02 7654321", "kind": "work"}],
    },
}
# Signs a body as Standard Webhooks wants it, and prints the headers as curl takes them.
SIGN = """\
import base64 as b,hmac,sys,time;s,d=sys.argv[1:];t=str(int(time.time()));\
m=hmac.digest(b.b64decode(s[6:]),f"demo-{t}.{t}.{d}".encode(),"sha256");\
print(f"-H webhook-id:demo-{t} -H webhook-timestamp:{t} \
-H webhook-signature:v1,{b.b64encode(m).decode()}")"""


# Prints the id of a call in the audit trail.
CALL_ID = r's/.*"call_id": "\([0-9A-Za-z]*\)".*/\1/p'


def digits(code: str) -> str:
    """Return what a keypad has of a VAT number."""
    return code.removeprefix("IT")


def sample_commands(stack: Stack) -> tuple[tuple[str, str], ...]:
    """Return what to try first: what it shows, and the command."""

    def curl(role: str, path: str, *options: str) -> str:
        key = f"-H 'x-api-key: {stack.keys[role]}'"
        return " ".join(["curl", key, *options, f"'{stack.url}/v1/{path}'"])

    def identify(node: str, code: str) -> str:
        """As OMniLeads asks: nothing but the digits, and the key in the URL."""
        url = f"{stack.url}/v1/k/{stack.keys['pbx']}/identify/{node}"
        return f"curl -d idContact={digits(code)} '{url}'"

    def post(role: str, order: str) -> str:
        json_body = ("-H 'content-type: application/json'", f"-d '{order}'")
        return curl(role, "originate", *json_body)

    ask, stranger = "pbx/asterisk/identify", "number=0277712345&call_id=try"
    event = json.dumps(NEW_EVENT)
    signed = f"$(python3 -c {quote(SIGN)} {stack.webhook_secret} {quote(event)})"
    webhook = (signed, "-H 'content-type: application/json'", f"-d {quote(event)}")
    order = json.dumps({"number": "0244556677", "exten": "21"})
    dear = json.dumps({"number": "899 123456", "exten": "21"})
    latest = curl("admin", "originate?limit=1").replace("curl", "curl -s", 1)
    latest = f"$({latest} | sed -n '{CALL_ID}')"
    state = f"curl -H 'x-api-key: {stack.keys['agent']}' \"{stack.url}/v1/originate/{latest}\""
    body = ("-X PUT", "-H 'content-type: application/json'", f"-d '{json.dumps(NEW_CONTACT)}'")
    return (
        ("Who is calling?", curl("pbx", "lookup?number=%2B390244556677")),
        ("The same, as dialled in Milan", curl("pbx", "lookup?number=44556677")),
        ("Somebody else in that company", curl("pbx", "lookup?number=0244551234")),
        ("A customer who has not paid", curl("pbx", "lookup?number=064412345")),
        ("All that a screen pop needs", curl("pbx", "lookup?number=3356001234&format=json")),
        ("A stranger, named by the carrier", curl("pbx", "lookup?number=0299999999&name=ACME")),
        ("How a number is understood", curl("admin", "explain?number=0244551234")),
        ("Who should answer? A paying customer", curl("pbx", "route?number=0244556677")),
        ("A customer whose contract is over", curl("pbx", "route?number=064412345")),
        ("One with a dedicated manager", curl("pbx", "route?number=025501000")),
        ("One who bought a truck", curl("pbx", "route?number=800123456")),
        ("A code from the keypad, yes or no", identify("check", OFFICINE)),
        ("The same, where to", identify("route", OFFICINE)),
        ("The contract of this one is over", identify("check", TRATTORIA)),
        ("A stranger is asked for a code ...", curl("pbx", f"{ask}?{stranger}&node=who")),
        ("... types it ...", curl("pbx", f"{ask}?{stranger}&node=who&digits={digits(OFFICINE)}")),
        ("... and is known at the next call", curl("pbx", "route?number=0277712345")),
        ("Why did that call go there?", curl("admin", "route/explain?number=0277712345")),
        ("One click: the phone of 21 rings, then the number's ...", post("agent", order)),
        ("... what became of it?", state),
        ("Nobody dials a premium number", post("agent", dear)),
        ("Every attempt is in the audit trail", curl("admin", "originate?limit=2")),
        ("A CRM tells of a contact, signed ...", curl("crm", "crm/generic", *webhook)),
        ("... and a moment later it calls", curl("pbx", "lookup?number=027654321")),
        ("Save a contact ...", curl("admin", "contacts/api:ada", *body)),
        ("... and let it call", curl("pbx", "lookup?number=021234567")),
    )
