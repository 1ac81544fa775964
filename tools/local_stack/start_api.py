"""Write the template that `sam local start-api` understands: `.aws-sam/build/start-api.yaml`.

Beside functions of SAM's own kind the SAM CLI only knows routes of SAM's own kind, and ours are
native resources. So each route of the built template becomes an event of its function: it stays
the one list. Called by `make start-api-template`; see docs/local.md.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

from local_stack.toolchain import ROOT

BUILD = ROOT / ".aws-sam" / "build"
GATEWAY = "AWS::ApiGatewayV2::"


def with_events(template: dict[str, Any]) -> dict[str, Any]:
    """Return a built template whose routes are events of the functions that they lead to."""
    resources = template["Resources"]
    kept = {
        name: {**resource, "Properties": dict(resource["Properties"])}
        for name, resource in resources.items()
        if not resource["Type"].startswith(GATEWAY)
    }
    for name, route in resources.items():
        if route["Type"] != f"{GATEWAY}Route":
            continue
        properties = route["Properties"]
        # What PBXs connect to is no part of `sam local start-api`.
        if properties["ApiId"] != {"Ref": "HttpApi"}:
            continue
        function = kept[_function(resources, properties["Target"])]["Properties"]
        method, _, path = properties["RouteKey"].rpartition(" ")
        event = {"Path": path, "Method": method or "ANY", "PayloadFormatVersion": "2.0"}
        events = function.get("Events", {})
        function["Events"] = {**events, name: {"Type": "HttpApi", "Properties": event}}
    return {**template, "Resources": kept}


def _function(resources: dict[str, Any], target: dict[str, str]) -> str:
    """Return the function that `!Sub integrations/${SomeIntegration}` leads to."""
    integration = target["Fn::Sub"].partition("${")[2].rstrip("}")
    alias: str = resources[integration]["Properties"]["IntegrationUri"]["Ref"]
    return alias.removesuffix(".Alias")


def main() -> int:
    """Write the template beside the built one."""
    built = BUILD / "template.yaml"
    if not built.exists():
        sys.stderr.write(f"{built} is missing: `make build` makes it\n")
        return 1
    # JSON is YAML; beside the built template, whose paths are relative.
    (BUILD / "start-api.yaml").write_text(
        json.dumps(with_events(yaml.safe_load(built.read_text())))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
