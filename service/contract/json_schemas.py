"""JSON Schemas of requests and answers, from the constants that the checks use."""

from enum import StrEnum
from typing import Any

from index.base.paths import MAX_NAME_BYTES
from index.base.settings import Settings
from index.counting.comparison import SIDES
from index.counting.question import OPTIONS, PARAMETERS
from index.database.states import JUDGING, FileState
from index.library.calibration import INGEST, OPERATOR
from index.library.everybody import PeopleState
from index.library.judgements import MAX_NOTE
from index.library.known_files import FileStatus
from index.library.listed_judgements import JudgementState
from service.contract.descriptions import explained
from service.contract.list_parameters import MAX_JUDGEMENTS, PAGE_PARAMETERS

Schema = dict[str, Any]

INTEGER: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MAX_ID = 10**18 - 1
_ID: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
PATH_PARTS: dict[str, Schema] = {  # parts of an address that callers choose
    "name": {"type": "string", "minLength": 1},
    "face": _ID,
    "judgement": _ID,
}


def array(items: Schema, **limits: int) -> Schema:
    """A list of *items*."""
    return {"type": "array", "items": items, **limits}


def record(members: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with exactly these *members*, and perhaps the *optional* ones."""
    return {
        "type": "object",
        "properties": members | (optional or {}),
        "required": list(members),
        "additionalProperties": False,
    }


def reference(name: str) -> Schema:
    """One of the named schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def choice(kind: type[StrEnum], **more: str) -> Schema:
    """One of an enumeration's values."""
    return {"type": "string", "enum": [str(value) for value in kind], **more}


def filepath_schema(settings: Settings, *, in_json: bool = False) -> Schema:
    """The files of a question; see index.counting.question.check_filepath."""
    letter = r"[^\u0000]" if in_json else r"[^\u0000-\u001f\u007f]"
    filepath = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_NAME_BYTES,  # in bytes: fewer characters, if they are not ASCII
        "pattern": f"^{letter}+$",
    }
    return array(filepath, minItems=1, maxItems=settings.max_request_files)


def schemas(settings: Settings) -> dict[str, Schema]:
    """Every named schema."""
    filepaths = filepath_schema(settings, in_json=True)
    options = {parameter.name: parameter.json_schema(settings) for parameter in PARAMETERS}
    page = {parameter.name: parameter.json_schema(settings) for parameter in PAGE_PARAMETERS}
    found = {
        "Question": record({"filepaths": filepaths}, options),
        "PagedQuestion": record({"filepaths": filepaths}, options | page),
        "Count": record(_COUNT),
        "Error": record({"cord": INTEGER, "error": TEXT}),
        "Health": record({"status": {"const": "ok"}}),
        "Readiness": record({"status": {"const": "ready"}}),
        "Status": _STATUS,
        "Face": record(_FACE, _MORE_OF_A_FACE),
        "Link": record(_LINK, {"judged": FLAG}),
        "Person": record(_PERSON),
        "Persons": record(
            _COUNT | _EXPLANATION,
            {"second_opinion": record(_SECOND, _MORE_OF_SECOND), "next": _OFFSET},
        ),
        "Comparison": record({"a": filepaths, "b": filepaths}, options),
        "Compared": record(_COMPARED),
        "People": record(_PEOPLE),
        "Similar": record(
            {"face": reference("Face"), "threshold": TEXT, "found": INTEGER, "similar": _NEAREST}
        ),
        "SimilarFace": record(_FACE | {name: _LINK[name] for name in _NEAR}),
        "PhotoSimilar": record(
            {
                "filepath": TEXT,
                "threshold": TEXT,
                "faces": array(
                    record({"face": reference("Face"), "found": INTEGER, "similar": _NEAREST})
                ),
            }
        ),
        "Judging": record({"judgements": array(_SAID, minItems=1, maxItems=MAX_JUDGEMENTS)}),
        "Judgement": record(_JUDGEMENT, _MORE_OF_A_JUDGEMENT),
        "Judged": record({"judgements": array(reference("Judgement"))}),
        "Judgements": record({"judgements": array(reference("Judgement")), "next": _CURSOR}),
        "Files": record(
            {"files": array(record(_LISTED, {"reason": TEXT, "note": TEXT})), "next": _CURSOR}
        ),
        "Retry": {"oneOf": [record({"filepaths": filepaths}), record({"failed": {"const": True}})]},
        "Queued": record({"queued": INTEGER}),
        "Uploaded": record({"filepath": TEXT}),
    }
    return {name: explained(name, schema) for name, schema in found.items()}


_COUNT: dict[str, Schema] = {
    "errcode": {"const": 1},
    "filepaths": array(TEXT, minItems=1),
    "threshold": TEXT,
    "person_num": INTEGER,
}
_FACE: dict[str, Schema] = {
    "id": INTEGER,
    "filepaths": array(TEXT, minItems=1),
    "box": array(NUMBER, minItems=4, maxItems=4)
    | {"description": "x1, y1, x2, y2 in pixels of the upright photo"},
    "probability": {"type": "number", "minimum": 0, "maximum": 1},
    "sharpness": NUMBER,
}
_MORE_OF_A_FACE: dict[str, Schema] = {"judgements": array(INTEGER, minItems=1)}
_LINK: dict[str, Schema] = {
    "faces": array(INTEGER),
    "distance": NUMBER,
    "threshold": NUMBER,
    "false_match_rate": {
        "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]
    },
}
_NEAREST = array(reference("SimilarFace"))
_NEAR = ("distance", "threshold", "false_match_rate")
_PERSON: dict[str, Schema] = {
    "faces": array(reference("Face"), minItems=1),
    "links": array(reference("Link")),
    "weakest_link": {"anyOf": [reference("Link"), {"type": "null"}]},
    "spread": NUMBER,
    "warnings": array(TEXT),
}
_MORE_OF_A_FILE: dict[str, Schema] = {
    "reason": TEXT,
    "note": TEXT,
    "width": {
        "type": "integer",
        "description": "width of the upright photo in pixels; given if it has faces",
    },
    "height": {"type": "integer", "description": "its height; boxes are in these pixels"},
}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_DOUBT = record({"strangers_accepted": _SHARE, "promised": _SHARE, "advice": TEXT})
_PROFILE: dict[str, Schema] = {
    "profile": TEXT,
    "profile_doubt": {"oneOf": [_DOUBT, {"type": "null"}]},
}
_CALIBRATION = record(  # index.library.calibration
    {
        "shipped": FLAG,
        "by": {"enum": [OPERATOR, INGEST, None]},
        "faces": {"type": ["integer", "null"]},
        "outcome": {"type": ["string", "null"]},
        "kept_of": array(TEXT),
        "advice": {"type": ["string", "null"]},
    }
)
_OPTIONS: dict[str, Schema] = {
    option.name: {**option.kind.schema, "description": option.english} for option in OPTIONS
}
_COMPARED: dict[str, Schema] = {
    "a": array(TEXT, minItems=1),
    "b": array(TEXT, minItems=1),
    "threshold": TEXT,
    "person_num": INTEGER,
    "in_a": INTEGER,
    "in_b": INTEGER,
    "in_both": INTEGER,
    "only_a": INTEGER,
    "only_b": INTEGER,
    **_OPTIONS,
    "beyond_measured": FLAG,
    "persons": array(
        record(
            {
                "in": {"type": "string", "enum": list(SIDES)},
                "a": array(reference("Face")),
                "b": array(reference("Face")),
            }
        )
    ),
}
_UNKNOWN: Schema = {"type": "null"}
_PEOPLE: dict[str, Schema] = {  # service.answering.people_keeper
    "state": choice(PeopleState),
    "counting": {
        "anyOf": [record({"faces": INTEGER, "rounds": INTEGER, "seconds": NUMBER}), _UNKNOWN]
    },
    "problem": {"anyOf": [TEXT, _UNKNOWN]},
    "threshold": TEXT,
    **{name: _OPTIONS[name] for name in ("faces", "linkage")},
    "as_of": {"anyOf": [record({"change": INTEGER, "at": NUMBER}), _UNKNOWN]},
    **{name: {"anyOf": [INTEGER, _UNKNOWN]} for name in ("person_num", "face_num", "photo_num")},
    "beyond_measured": FLAG,
    "persons": array(
        record({"photos": INTEGER, "face_num": INTEGER, "faces": array(reference("Face"))})
    ),
    "next": {"anyOf": [INTEGER, _UNKNOWN]},
}
_EXPLANATION: dict[str, Schema] = {
    "complete": FLAG,
    "model": TEXT,
    **_PROFILE,
    "distance": NUMBER,
    "cosine_cut": NUMBER,
    **_OPTIONS,
    "interval": record({"low": INTEGER, "high": INTEGER}),
    "stable_range": array(NUMBER, minItems=2, maxItems=2),
    "beyond_measured": FLAG,
    "curve": array(record({"threshold": NUMBER, "person_num": INTEGER})),
    "persons": array(reference("Person")),
    "left_out": array(record(_FACE | {"reason": TEXT}, _MORE_OF_A_FACE)),
    "doubts": array(
        record(
            {"faces": array(INTEGER, minItems=2, maxItems=2), "joined": FLAG, "threshold": NUMBER}
        )
    ),
    "files": array(record({"filepath": TEXT, "status": choice(FileStatus)}, _MORE_OF_A_FILE)),
    "folders": array(record({"filepath": TEXT, "photos": INTEGER})),
}
_SECOND: dict[str, Schema] = {
    "model": TEXT,
    "person_num": {"anyOf": [INTEGER, {"type": "null"}]},
}
_MORE_OF_SECOND: dict[str, Schema] = {
    "photos_missing": INTEGER,
    "parted": array(array(array(INTEGER, minItems=1), minItems=2)),
    "joined": array(array(array(INTEGER, minItems=1), minItems=2)),
    "reason": TEXT,
}
_SAID = record(
    {
        "verdict": {"type": "string", "enum": list(map(str, JUDGING))},
        "faces": array(_ID, minItems=1, maxItems=2),
    },
    {"note": {"type": "string", "minLength": 1, "maxLength": MAX_NOTE}},
)
_JUDGEMENT: dict[str, Schema] = {
    "id": INTEGER,
    "verdict": {"type": "string", "enum": list(map(str, JUDGING))},
    "state": choice(JudgementState),
    "faces": array(
        record(
            {
                "id": {"anyOf": [INTEGER, {"type": "null"}]},
                "filepaths": array(TEXT),
                "sha256": TEXT,
                "box": array(NUMBER, minItems=4, maxItems=4),
            }
        ),
        minItems=1,
        maxItems=2,
    ),
    "at": NUMBER,
    "author": TEXT,
}
_MORE_OF_A_JUDGEMENT: dict[str, Schema] = {
    "note": TEXT,
    "undone": record({"at": NUMBER, "author": TEXT}),
}
_CURSOR: Schema = {
    "anyOf": [{"type": "string"}, {"type": "null"}],
    "description": "`after` of the next page; null: this is the last",
}
_OFFSET: Schema = {
    "anyOf": [INTEGER, {"type": "null"}],
    "description": "`offset` of the next page; null: this is the last; missing without a `limit`",
}
_LISTED: dict[str, Schema] = {
    "filepath": TEXT,
    "state": choice(FileState),
    "faces": {
        "anyOf": [INTEGER, {"type": "null"}],
        "description": "how many of its faces count, by setting counted_faces; null: not known",
    },
}
_WATCHER: Schema = {  # index.library.ingest_report.WatcherReport
    "type": "object",
    "properties": {
        "mode": {"type": "string", "enum": ["starting", "inotify", "polling"]},
        "limit_reached": FLAG,
        "observer_restarts": INTEGER,
        "lost_events": INTEGER,
        "errors": INTEGER,
        "last_error": {"type": ["string", "null"]},
        "scans": INTEGER,
        "scanned_at": {"type": ["number", "null"]},
        "scan_seconds": {"type": ["number", "null"]},
        "roots_missing": INTEGER,
        "roots_held": INTEGER,
        "removals_held": INTEGER,
    },
}
_WORK: Schema = {  # index.library.ingest_report.WorkReport
    "type": "object",
    "properties": {
        "batches": INTEGER,
        "files": INTEGER,
        "images": INTEGER,
        "faces": INTEGER,
        "failed": INTEGER,
        "no_photo": INTEGER,
        "stage_seconds": {"type": "object", "additionalProperties": NUMBER},
    },
}
_CONFINEMENT: Schema = {  # index.base.kernel.Offer
    "type": "object",
    "properties": {"landlock": INTEGER, "seccomp": FLAG},
}
_PROCESS: Schema = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "kind": TEXT,  # one of ProcessKind, or a word of another version of the program
        "machine": TEXT,
        "folder": TEXT,
        "version": TEXT,
        "state": TEXT,
        "started_at": NUMBER,
        "seen_seconds_ago": NUMBER,
        "lost": FLAG,
        "files": INTEGER,
        "faces": INTEGER,
    },
    "required": ["name", "kind", "machine", "state", "seen_seconds_ago", "lost"],
}
_STATUS: Schema = {  # operators' figures: more may be added, so others are allowed
    "type": "object",
    "properties": {
        "files": record({state.value: INTEGER for state in FileState}),
        "model": TEXT,
        **_PROFILE,
        "calibration": _CALIBRATION,
        "index": {"type": "object", "required": ["ready", "faces", "whole", "rebuilds"]},
        "confinement": _CONFINEMENT,
        "ingest": {
            "type": "object",
            "properties": {
                "process": TEXT,
                "restarts": INTEGER,
                "reported_seconds_ago": NUMBER,
                "started_at": NUMBER,
                "clock_jumps": INTEGER,
                "open_files": {"type": ["integer", "null"]},
                "open_files_limit": {"type": ["integer", "null"]},
                "confinement": _CONFINEMENT,
                "watcher": _WATCHER,
                "work": _WORK,
            },
            "required": ["process"],
        },
        "watched": FLAG,
        "processes": array(_PROCESS),
    },
    "required": ["files", "index", "ingest"],
}
