"""The spec as JSON Schema (draft 2020-12), for editors.

Generated from the same models and catalogues that check a spec, plug-ins included. A schema cannot say everything:
rules over several sections, such as sizes that must be prepared, are only checked when a spec is loaded.
"""

from __future__ import annotations

from typing import Any

from liverseg.config import PARAMETERS, Parameter
from liverseg.models.specs import architectures
from sweeps.spec.catalogue import SCHEMA_VERSION
from sweeps.spec.fields import LATER
from sweeps.spec.model import Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The JSON Schema of a spec file."""
    schema: Schema = _tidied(Spec.model_json_schema(by_alias=True))
    definitions: Schema = schema["$defs"]
    parameters = {name: {"$ref": f"#/$defs/{name}"} for name in PARAMETERS}
    definitions |= {name: values_schema(parameter) for name, parameter in PARAMETERS.items()}
    definitions["Space"] = {
        "description": "What may differ between trials: a value, a list, or a range for each parameter.",
        **_mapping(parameters),
    }
    definitions["Architectures"] = _architectures(parameters)
    # where the model keeps parameters that the YAML writes directly under train
    del definitions["TrainSection"]["properties"]["fixed"]
    definitions["TrainSection"]["properties"] |= {name: value_schema(item) for name, item in PARAMETERS.items()}
    definitions["SchedulerSection"] = _word_or_mapping(definitions["SchedulerSection"])
    definitions["PlateauSection"] = _count_or_mapping(definitions["PlateauSection"])
    return {"$schema": DIALECT, "$id": f"urn:liversweep:spec:{SCHEMA_VERSION}", **schema, "title": "liversweep spec"}


def value_schema(parameter: Parameter) -> Schema:
    """One value of a parameter."""
    schema: Schema = {"description": parameter.doc, "default": parameter.default}
    if parameter.kind == "choice":
        return schema | {"enum": list(parameter.choices)}
    if parameter.kind == "bool":
        return schema | {"type": "boolean"}
    schema |= {"type": "integer" if parameter.kind == "int" else "number"}
    schema |= {"minimum": parameter.low, "maximum": parameter.high}
    return schema | ({"multipleOf": parameter.step} if parameter.step else {})


def values_schema(parameter: Parameter) -> Schema:
    """A value, a list or a range of a parameter."""
    one = {key: item for key, item in value_schema(parameter).items() if key not in ("description", "default")}
    several = {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}
    forms: list[Schema] = [one, several, _form({"choice": several})]
    if parameter.kind in ("int", "float"):
        bounds = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
        step = {"type": "integer" if parameter.kind == "int" else "number", "exclusiveMinimum": 0}
        forms += [_form({"int" if parameter.kind == "int" else "uniform": bounds}, {"step": step})]
        forms += [] if parameter.step else [_form({"log": bounds})]
    return {"description": f"{parameter.doc}; {parameter.allowed}", "anyOf": forms}


def _tidied(schema: Any) -> Any:
    """References put in, and without the titles that repeat each key."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _tidied(item) for key, item in schema.items() if key != "title" or not isinstance(item, str)}
    reference = kept.pop(LATER, None)
    return kept | ({"$ref": f"#/$defs/{reference}"} if isinstance(reference, str) else {})


def _architectures(parameters: Schema) -> Schema:
    properties = {}
    for spec in architectures():
        options = {option.name: values_schema(option) for option in spec.options}
        own = _mapping(options | parameters)
        properties[spec.name] = {"description": spec.doc, "anyOf": [own, {"type": "null"}]}
    return {
        "description": "The networks that take part, each with its options. A list of names takes them as published.",
        "anyOf": [
            _mapping(properties) | {"minProperties": 1},
            {"type": "array", "items": {"enum": list(properties)}, "minItems": 1},
        ],
    }


def _word_or_mapping(mapping: Schema) -> Schema:
    kinds = mapping["properties"]["kind"]["enum"]
    return {"description": mapping["description"], "anyOf": [{"enum": kinds}, mapping]}


def _count_or_mapping(mapping: Schema) -> Schema:
    count = {key: item for key, item in mapping["properties"]["epochs"].items() if key != "description"}
    return {"description": mapping["description"], "anyOf": [count, mapping]}


def _mapping(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _form(required: Schema, optional: Schema | None = None) -> Schema:
    return _mapping(required | (optional or {})) | {"required": list(required)}
