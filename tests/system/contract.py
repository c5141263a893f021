# SPDX-License-Identifier: BSD-3-Clause
"""Answers held against the schemas of the contract; written apart from the checker of sluiced."""

import re

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
         "boolean": bool, "null": type(None)}


class Wrong(Exception):
    """An answer is not what the contract says."""


def obey(contract, schema, value, path=""):
    """Raise Wrong unless the value obeys the schema."""
    while "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(type_is(value, name) for name in types):
        raise Wrong(f"{path}: found {value!r}, the schema says {' or '.join(types)}")
    if "enum" in schema and value not in schema["enum"]:
        raise Wrong(f"{path}: {value!r} is not in the schema's enum")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise Wrong(f"{path}: {value!r} is not of the schema's pattern")
    if type_is(value, "number"):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            raise Wrong(f"{path}: {value} is out of the schema's bounds")
    if isinstance(value, list):
        for i, item in enumerate(value):
            obey(contract, schema.get("items", {}), item, f"{path}/{i}")
    if isinstance(value, dict):
        obey_members(contract, schema, value, path)


def obey_members(contract, schema, value, path):
    others = schema.get("additionalProperties", True)
    for name in schema.get("required", []):
        if name not in value:
            raise Wrong(f"{path}: the schema requires {name}")
    for name, member in value.items():
        member_schema = schema.get("properties", {}).get(name, others)
        if member_schema is False:
            raise Wrong(f"{path}: the schema has no {name}")
        if isinstance(member_schema, dict):
            obey(contract, member_schema, member, f"{path}/{name}")


def type_is(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
