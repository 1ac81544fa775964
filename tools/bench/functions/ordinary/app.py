"""What the lookup is measured against: the same lookup as a good developer writes it by habit.

Powertools as its documentation has it (resolver with validation, Logger, Tracer, Metrics), the
SDK's resource, an HTTP client at hand for the CRM, phonenumbers. It is not made slow:
clients are built once, outside the handler; the key and the settings stay in memory for as long as
ours do; a decode reads one item by its key. It answers from the items that Centralino stores.
"""

import hashlib
import json
import os
import time
from typing import Annotated, Any

import boto3
import httpx
import phonenumbers
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import UnauthorizedError
from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

CACHE_S = 30.0

logger = Logger(service="lookup")
tracer = Tracer(service="lookup")
metrics = Metrics(namespace="Ordinary", service="lookup")
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(os.environ["CENTRALINO_TABLE"])
crm = httpx.Client(timeout=1.0)


class Line(BaseModel):
    """How a tenant's numbers are to be read."""

    country: str = "IT"


class Label(BaseModel):
    """What a label may look like."""

    max_length: int = 15


class Settings(BaseModel):
    """A tenant's settings."""

    line: Line = Line()
    label: Label = Label()


remembered: dict[str, tuple[float, Settings]] = {}


def admit(key: str) -> tuple[str, Settings]:
    """Return the tenant of a key and its settings."""
    tenant = key.partition(".")[0]
    digest = hashlib.sha256(key.encode()).hexdigest()
    read_at, settings = remembered.get(digest, (0.0, Settings()))
    if time.time() - read_at < CACHE_S:
        return tenant, settings
    if "Item" not in table.get_item(Key={"pk": f"T#{tenant}", "sk": f"KEY#{digest}"}):
        raise UnauthorizedError("unknown key")
    item = table.get_item(Key={"pk": f"T#{tenant}", "sk": "SETTINGS"})["Item"]
    settings = Settings.model_validate_json(str(item["doc"]))
    remembered[digest] = (time.time(), settings)
    return tenant, settings


@app.get("/v1/lookup")
@tracer.capture_method
def lookup(
    number: Annotated[str, Query(max_length=256)],
    x_api_key: Annotated[str, Header()],
) -> Response[str]:
    """Answer with the name of the caller."""
    tenant, settings = admit(x_api_key)
    try:
        parsed = phonenumbers.parse(number, settings.line.country)
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        e164 = ""
    item: dict[str, Any] = {}
    if e164:
        item = table.get_item(Key={"pk": f"T#{tenant}#N#{e164}", "sk": "N"}).get("Item", {})
    names = [json.loads(text)[6] for name, text in item.items() if name.startswith("h:")]
    metrics.add_metric(name="Decodes", unit=MetricUnit.Count, value=1)
    logger.info("decode", outcome="hit" if names else "miss")
    label = names[0] if names else ""
    return Response(200, "text/plain", label[: settings.label.max_length])


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
