"""Checks JSON bodies against the discovery document that google-api-python-client carries."""

import base64
import json
import re
from pathlib import Path

import googleapiclient

DOCUMENT = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / "sheets.v4.json"

INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
}


class Discovery:
    """Google's own description of the API."""

    def __init__(self):
        self.document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
        self.schemas = self.document["schemas"]
        self.methods = {}
        self._collect(self.document)

    def _collect(self, resource):
        for method in resource.get("methods", {}).values():
            self.methods[method["id"].removeprefix("sheets.")] = method
        for inner in resource.get("resources", {}).values():
            self._collect(inner)

    def request_kinds(self):
        """Every kind of request a batchUpdate may hold."""
        return set(self.schemas["Request"]["properties"])

    def faults_of_answer(self, method, body):
        """What is wrong with the answer of a method; an empty list when nothing is."""
        return self.faults(self.methods[method]["response"], body, method)

    def faults_of_request(self, method, body):
        """What is wrong with the body sent to a method."""
        return self.faults(self.methods[method]["request"], body, method)

    def faults(self, schema, value, place):
        if "$ref" in schema:
            return self.faults(self.schemas[schema["$ref"]], value, place)
        kind = schema.get("type")
        check = getattr(self, f"_{kind}", None)
        if check is None:
            return [] if kind == "any" else [f"{place}: the validator does not know the type {kind}"]
        return check(schema, value, place)

    def _object(self, schema, value, place):
        if not isinstance(value, dict):
            return [f"{place}: {value!r} is not an object"]
        known, free = schema.get("properties", {}), schema.get("additionalProperties")
        found = []
        for name, inner in value.items():
            if name in known:
                found += self.faults(known[name], inner, f"{place}.{name}")
            elif free is not None:
                found += self.faults(free, inner, f"{place}.{name}")
            else:
                found.append(f"{place}: there is no field {name!r}")
        return found

    def _array(self, schema, value, place):
        if not isinstance(value, list):
            return [f"{place}: {value!r} is not a list"]
        found = []
        for index, inner in enumerate(value):
            found += self.faults(schema["items"], inner, f"{place}[{index}]")
        return found

    def _boolean(self, _schema, value, place):
        return [] if isinstance(value, bool) else [f"{place}: {value!r} is not a boolean"]

    def _integer(self, schema, value, place):
        if isinstance(value, bool) or not isinstance(value, int):
            return [f"{place}: {value!r} is not an integer"]
        low, high = INTEGERS.get(schema.get("format"), (value, value))
        return [] if low <= value <= high else [f"{place}: {value} is no {schema['format']}"]

    def _number(self, _schema, value, place):
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
        return [] if fine else [f"{place}: {value!r} is not a number"]

    def _string(self, schema, value, place):
        if not isinstance(value, str):
            return [f"{place}: {value!r} is not a string"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{place}: {value!r} is not one of {schema['enum']}"]
        form = schema.get("format")
        if form in ("int64", "uint64") and not re.fullmatch(r"-?\d+", value):
            return [f"{place}: {value!r} is no {form}"]
        if form == "byte":
            try:
                base64.b64decode(value, validate=True)
            except ValueError:
                return [f"{place}: {value!r} is not base64"]
        if form == "google-datetime" and not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
            return [f"{place}: {value!r} is no date and time"]
        return []


def self_check():
    """The validator must find what is wrong, or its silence means nothing."""
    discovery = Discovery()
    method = "spreadsheets.values.update"
    assert discovery.faults_of_answer(method, {"updatedRows": 1, "updatedRange": "A1"}) == []
    for wrong in (
        {"updatedRows": "1"},
        {"updatedRows": True},
        {"updatedRows": 2**40},
        {"updatedRow": 1},
        {"updatedData": {"majorDimension": "DIAGONALS"}},
        {"updatedData": {"values": [1]}},
        [],
    ):
        assert discovery.faults_of_answer(method, wrong), wrong
    return discovery
