"""template.yaml as CloudFormation sees it: after SAM's transform, with its parameters applied."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
REGION = "eu-south-1"
NO_VALUE = {"Ref": "AWS::NoValue"}
_GONE = object()

# Anything that JSON can say; what is a reference and what a word shows only by its shape.
Piece: TypeAlias = Any


def declared() -> dict[str, Any]:
    """Return template.yaml as it is written; `!Ref x` is `{"Ref": "x"}`."""
    content: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return content


class Stack:
    """The resources that a deployment with some parameters makes.

    Args:
        parameters: those that differ from their defaults.
        packages: logical id -> a word that stands for the content of a function's or layer's zip;
            SAM puts a digest of the content in its address.

    Attributes:
        resources: logical id -> resource, without those whose condition is false and with every
            `Fn::If` decided and every parameter in its place.
        outputs: name -> value, the same way.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any] | None = None,
        packages: Mapping[str, str] | None = None,
    ) -> None:
        template = declared()
        for name, resource in template["Resources"].items():
            content = (packages or {}).get(name, "unchanged")
            properties = resource["Properties"]
            if resource["Type"] == "AWS::Serverless::Function":
                properties["CodeUri"] = f"s3://packages/{name}-{content}"
            elif resource["Type"] == "AWS::Serverless::LayerVersion":
                properties["ContentUri"] = f"s3://packages/{name}-{content}"
        self._parameters = {
            **{name: spec["Default"] for name, spec in template["Parameters"].items()},
            **(parameters or {}),
        }
        translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
        self._template = translator.translate(
            copy.deepcopy(template),
            {name: str(value) for name, value in self._parameters.items()},
        )
        self._conditions = self._template.get("Conditions", {})
        self.resources: dict[str, dict[str, Any]] = {
            name: self._decided(resource)
            for name, resource in self._template["Resources"].items()
            if self._holds(resource.get("Condition"))
        }
        self.outputs: dict[str, Any] = {
            name: self._decided(output["Value"])
            for name, output in self._template["Outputs"].items()
            if self._holds(output.get("Condition"))
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type, such as `AWS::Lambda::Alias`."""
        return {name: item for name, item in self.resources.items() if item["Type"] == kind}

    def properties(self, name: str) -> dict[str, Any]:
        """Return a resource's properties."""
        found: dict[str, Any] = self.resources[name].get("Properties", {})
        return found

    def alias(self, function: str) -> str:
        """Return the logical id of a function's alias."""
        (found,) = [
            name
            for name, item in self.of_type("AWS::Lambda::Alias").items()
            if item["Properties"]["FunctionName"] == {"Ref": function}
        ]
        return found

    def version(self, function: str) -> tuple[str, str]:
        """Tell the version that a function's alias points to from any other.

        Returns:
            its logical id and its description. CloudFormation makes a new version when either
            differs: the description is a create-only property.
        """
        name: str = self.properties(self.alias(function))["FunctionVersion"]["Fn::GetAtt"][0]
        return name, json.dumps(self.properties(name).get("Description"))

    def layers(self, function: str) -> dict[str, str]:
        """Return a function's layers: logical id in the template -> logical id of the version."""
        versions = [layer["Ref"] for layer in self.properties(function).get("Layers", [])]
        # SAM adds ten hexadecimal digits, a digest of the content's address among other things.
        return {version[:-10]: version for version in versions}

    def _holds(self, condition: Piece) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            return self._holds(self._conditions[condition])
        ((function, arguments),) = condition.items()
        if function == "Fn::Not":
            return not self._holds(arguments[0])
        if function == "Fn::Equals":
            left, right = (str(self._decided(side)) for side in arguments)
            return left == right
        if function == "Condition":
            return self._holds(arguments)
        raise NotImplementedError(f"a condition with {function}")

    def _decided(self, value: Piece) -> Piece:
        if isinstance(value, list):
            return [kept for kept in map(self._decided, value) if kept is not _GONE]
        if not isinstance(value, dict):
            return value
        if value == NO_VALUE:
            return _GONE
        function: str = next(iter(value), "")
        argument: Piece = value.get(function)
        if function == "Ref" and argument in self._parameters:
            return self._parameters[argument]
        if function == "Fn::If":
            return self._decided(argument[1 if self._holds(argument[0]) else 2])
        if function == "Fn::Sub":
            text, *names = argument if isinstance(argument, list) else [argument]
            value = {function: [self._filled(text), *names] if names else self._filled(text)}
        kept = ((name, self._decided(item)) for name, item in value.items())
        return {name: item for name, item in kept if item is not _GONE}

    def _filled(self, text: str) -> str:
        for name, value in self._parameters.items():
            text = text.replace("${" + name + "}", str(value))
        return text


def strings(value: Piece) -> Iterator[str]:
    """Walk through every string in a piece of a template, the names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def references(value: Piece) -> set[str]:
    """Return the logical ids that a piece of a template refers to, also inside a `Fn::Sub`."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        if list(value) == ["Ref"]:
            return {value["Ref"]}
        if list(value) == ["Fn::GetAtt"]:
            return {value["Fn::GetAtt"][0]}
        for item in value.values():
            found |= references(item)
    elif isinstance(value, list):
        for item in value:
            found |= references(item)
    elif isinstance(value, str):
        found |= set(re.findall(r"\$\{([A-Za-z0-9]+)[^}]*\}", value))
    return found
