"""What a click's function imports: a cold one is waited for."""

from __future__ import annotations

import subprocess
import sys

# Of botocore Powertools imports the empty top, to name itself in a header if there is one.
HEAVY = {"boto3", "botocore.session", "pydantic", "httpx", "typer"}
PROGRAM = """
import sys
{}
print(*sys.modules)
"""


def imported(program: str) -> set[str]:
    """Return the modules that a program has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(program)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_click_imports_powertools_idempotency_without_boto3() -> None:
    modules = imported("from centralino import bootstrap; bootstrap.prepare_originate()")
    assert "aws_lambda_powertools.utilities.idempotency.base" in modules
    assert "phonenumbers" in modules
    assert not modules & HEAVY


def test_who_wants_powertools_own_layer_still_gets_it() -> None:
    layer = "aws_lambda_powertools.utilities.idempotency.persistence.dynamodb"
    modules = imported(
        "import centralino.adapters.idempotency\n"
        f"assert '{layer}' not in sys.modules\n"
        f"from {layer} import DynamoDBPersistenceLayer\n"
        "assert DynamoDBPersistenceLayer"
    )
    assert "boto3" in modules


def test_the_function_by_itself_imports_what_every_request_needs_and_no_more() -> None:
    modules = imported("import centralino.entry.originate")
    assert not modules & {*HEAVY, "phonenumbers", "httpcore", "aws_lambda_powertools"}
