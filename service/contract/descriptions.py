"""What members and parameters mean, in one English sentence each; chinese.py has the Chinese."""

from typing import Any

_COUNT = {
    "errcode": "Always 1: a count was made.",
    "filepaths": "Every file path as the caller gave it, order and duplicates kept.",
    "threshold": "The threshold as the caller gave it; 0.2 if it gave none.",
    "person_num": "How many different key persons appear in these files.",
}
_BEYOND = (
    "Whether the question is larger than those on which counting was judged: 500 faces of 50 "
    "persons. Expect larger errors then."
)
# beside those that say it where they are declared
PARAMETERS = {
    "filepath": "Path of an image file, relative to the drop folder or absolute below one of the "
    "configured folders; repeat it once for each image. The path of a folder stands for every "
    "photo below it.",
    "photo": "Path of one image file, relative to the drop folder or absolute below one of the "
    "configured folders.",
    "name": "A file's name, percent-encoded.",
    "face": "A face's id.",
    "judgement": "A judgement's id.",
}
_JUDGEMENT = {
    "id": "The judgement's id; no other judgement ever has it.",
    "verdict": "What was said: the faces are the same person, they are different persons, or the "
    "face is not a person.",
    "state": "Whether it holds, holds but no longer finds its face (lost), or was undone.",
    "faces": "The faces that it is about.",
    "faces[].id": "The face's id at present; null if the library does not have it.",
    "faces[].filepaths": "The files that hold its photo.",
    "faces[].sha256": "SHA-256 of the photo, by which the face is known.",
    "faces[].box": "Where it was in the photo when it was first judged.",
    "at": "When it was said, in seconds since 1970.",
    "author": "The name of the token that sent it.",
    "note": "What the caller noted.",
    "undone": "When it was undone, and by which token.",
    "undone.at": "When, in seconds since 1970.",
    "undone.author": "The name of the token.",
}
_FACE = {
    "id": "The face's id; no other face ever has it.",
    "filepaths": "The files in the request whose content is this image.",
    "box": "Left, top, right and bottom edge in pixels of the upright image.",
    "probability": "How sure the detector is that this is a face.",
    "sharpness": "How sharp the face is; blurred ones are low.",
    "judgements": "The ids of what people said about this face; missing if nobody did.",
}
_FILEPATHS = {
    "filepaths": "Paths of the image files or folders, as in the parameter filepath; the list may "
    "also be called filepath."
}
# by name of the schema; members of an object in a member are member.inner, in a list member[].inner
_PROFILE = {
    "profile": "The version of the model's profile: all profiles that count alike have the same.",
    "profile_doubt": "Set if 0.2 does not mean here what it was measured to mean, as the "
    "library's own faces tell; null if it does, or if too little is known.",
    "profile_doubt.strangers_accepted": "The estimated share of pairs of strangers here that 0.2 "
    "takes for one person.",
    "profile_doubt.promised": "The share where 0.2 was measured.",
    "profile_doubt.advice": "What is wrong, and the command that helps.",
}
_MATCH_RATE = (
    "At most this share of pairs of strangers is as close: as it was measured where the profile "
    "comes from, or estimated if the library was calibrated without labels; null if not known."
)
MEMBERS = {
    "Question": _FILEPATHS,
    "PagedQuestion": _FILEPATHS,
    "Count": _COUNT,
    "Error": {
        "cord": "The HTTP status once more; spelt like this.",
        "error": "One sentence that names what is wrong.",
    },
    "Health": {"status": "Always ok."},
    "Readiness": {"status": "Always ready."},
    "Status": {
        "files": "Files by state: waiting, read, failed, no photo.",
        "files.pending": "Files that wait to be read.",
        "files.indexed": "Files whose faces are known.",
        "files.failed": "Files that could not be read.",
        "files.no_photo": "Files that are no photos, such as videos.",
        "model": "The model that answers use.",
        **_PROFILE,
        "calibration": "How the library came to count by that profile.",
        "calibration.shipped": "Whether it is the one that comes with the model.",
        "calibration.by": "Who chose it last: the operator, or ingest by itself; null if nobody.",
        "calibration.faces": "How many faces the library held then; null if nobody chose.",
        "calibration.outcome": "What came of it, in words; null if nobody chose.",
        "calibration.kept_of": "Other models whose calibration is kept for a return to them.",
        "calibration.advice": "What to do after a change of the model; null if nothing.",
        "index": "The vectors in memory: whether loaded, how many, whether all; rebuilds.",
        "confinement": "What decoders are confined by here, which make the pictures of faces.",
        "confinement.landlock": "The version of Landlock; 0: none.",
        "confinement.seccomp": "Whether their system calls are filtered.",
        "ingest": "The process that reads photos: its state and how it is doing.",
        "ingest.process": "running, restarting, or elsewhere when another command reads photos.",
        "ingest.restarts": "How often it was started again.",
        "ingest.reported_seconds_ago": "How old its report is.",
        "ingest.started_at": "When it started, in seconds since 1970.",
        "ingest.clock_jumps": "How often the clock was set by more than a few seconds.",
        "ingest.open_files": "File descriptors that it uses, or null.",
        "ingest.open_files_limit": "How many it may use, or null.",
        "ingest.confinement": "What its own decoders are confined by.",
        "ingest.confinement.landlock": "The version of Landlock; 0: none.",
        "ingest.confinement.seccomp": "Whether their system calls are filtered.",
        "ingest.watcher": "How it notices changes in the folders.",
        "ingest.watcher.mode": "starting, inotify or polling.",
        "ingest.watcher.limit_reached": "Whether it polls because inotify's limits are used up.",
        "ingest.watcher.observer_restarts": "How often the observer was started again.",
        "ingest.watcher.lost_events": "How often events were lost; each time a scan found the "
        "changes.",
        "ingest.watcher.errors": "Rounds that failed and were tried again.",
        "ingest.watcher.last_error": "The kind of the last error, or null.",
        "ingest.watcher.scans": "Full scans of the folders.",
        "ingest.watcher.scanned_at": "When the last scan ended, in seconds since 1970.",
        "ingest.watcher.scan_seconds": "How long it took.",
        "ingest.watcher.roots_missing": "Folders that are missing.",
        "ingest.watcher.roots_held": "Folders in which removals are held back.",
        "ingest.watcher.removals_held": "Files whose removal is held back.",
        "ingest.work": "What it did since it started.",
        "ingest.work.batches": "Batches of files.",
        "ingest.work.files": "Files that it dealt with.",
        "ingest.work.images": "Images that were analysed; copies of known ones are not.",
        "ingest.work.faces": "Faces that were found.",
        "ingest.work.failed": "Files that failed.",
        "ingest.work.no_photo": "Files that are no photos, such as videos.",
        "ingest.work.stage_seconds": "Seconds in each stage, added up over all threads.",
        "watched": "Whether a process that gives signs of life watches the folders.",
        "processes": "The processes at work on the library, on all machines; lost ones for a day.",
        "processes[].name": "Tells it from all others; new at each start.",
        "processes[].kind": "The command: serve, serve --no-ingest, watch, work, scan, ingest or "
        "reindex; the ingest process of serve is a watch.",
        "processes[].machine": "The name of its machine.",
        "processes[].folder": "Tells the data folders of one machine apart.",
        "processes[].version": "The version of its program.",
        "processes[].state": "answers, watches, works, stands_by or sees_no_photos.",
        "processes[].started_at": "When it started, in seconds since 1970.",
        "processes[].seen_seconds_ago": "How long ago it gave its last sign of life; it gives one "
        "every 15 seconds.",
        "processes[].lost": "Whether that is more than a minute ago.",
        "processes[].files": "Files whose photo it has stored since it started.",
        "processes[].faces": "Faces that it has stored since.",
    },
    "Face": _FACE,
    "Link": {
        "faces": "The ids of the two faces it joins.",
        "distance": "Their cosine distance, 0 to 2.",
        "threshold": "The threshold above which they are linked.",
        "judged": "True if people said that the two faces are one person.",
        "false_match_rate": _MATCH_RATE,
    },
    "Person": {
        "faces": "The faces that count as this person.",
        "links": "The links that join the faces: those that people said, then the closest first; "
        "one fewer than faces.",
        "weakest_link": "The last of the links; null for a single face, and if people said all.",
        "spread": "The largest distance between two of the faces.",
        "warnings": "Reasons to doubt it: chained (faces far apart), same_photo (twice in one "
        "photo).",
    },
    "Persons": _COUNT
    | {
        "complete": "Whether every file was read; if not, the count may still change.",
        "model": "The model that computed the faces.",
        **_PROFILE,
        "distance": "The cosine distance that the threshold stands for.",
        "cosine_cut": "The same as a cosine similarity.",
        "interval": "The fewest and the most persons between a threshold a tenth lower and one "
        "a tenth higher; with supported, only both ends and the steps of the curve are tried.",
        "interval.low": "The fewest.",
        "interval.high": "The most.",
        "stable_range": "The lowest and the highest threshold around this one with the same "
        "count; with supported, only the steps of the curve are tried.",
        "beyond_measured": _BEYOND,
        "curve": "The count at thresholds from 0 to 0.4 in small steps; with more than 10,000 "
        "faces only up to a tenth above the question's.",
        "curve[].threshold": "A threshold.",
        "curve[].person_num": "The count at this threshold.",
        "persons": "The persons that were counted.",
        "left_out": "Faces that were not counted, each with the reason.",
        "left_out[].reason": "Why it was not counted: small, improbable, cut off (too much "
        "of it is beyond the photo's edge), not the most prominent face, or not a person.",
        "doubts": "Where the count is least sure, up to ten pairs of faces, the most doubtful "
        "first: what to look at, and to judge.",
        "doubts[].faces": "The ids of two faces, each from the middle of a group.",
        "doubts[].joined": "Whether the two groups were counted as one person.",
        "doubts[].threshold": "The threshold above which they are one.",
        "files": "Every file and what became of it; those in folders, too.",
        "files[].filepath": "The path as the caller gave it.",
        "files[].status": "Whether it was counted, has no face that counts, waits, failed, is no "
        "photo or does not exist.",
        "files[].reason": "Why it failed or is no photo, or how to spell its name.",
        "files[].note": "What is wrong with it although it was read.",
        "folders": "Every folder that was asked about.",
        "folders[].filepath": "The path as the caller gave it.",
        "folders[].photos": "How many photos are below it; `files` lists them, too.",
        "second_opinion": "What a second model says of the same photos; given if the library was "
        "indexed with reindex --beside.",
        "second_opinion.model": "The second model.",
        "second_opinion.person_num": "How many persons it counts; null if it did not count.",
        "second_opinion.photos_missing": "Photos that it has not read yet; it counts without them.",
        "second_opinion.parted": "Persons of this answer whom it takes for several: the ids of "
        "their faces, as it parts them.",
        "second_opinion.joined": "Persons of this answer whom it takes for one: the ids of each "
        "one's faces.",
        "second_opinion.reason": "Why it did not count.",
    }
    | {f"left_out[].{name}": meaning for name, meaning in _FACE.items()},
    "Comparison": {
        "a": "Paths of the image files or folders of the first list, as in the parameter filepath.",
        "b": "The same for the second list; both together are limited like one question.",
    },
    "Compared": {
        "a": "The first list as the caller gave it.",
        "b": "The second list as the caller gave it.",
        "threshold": _COUNT["threshold"],
        "person_num": "How many different persons appear in both lists together.",
        "in_a": "How many of them appear in the first list.",
        "in_b": "How many of them appear in the second list.",
        "in_both": "How many of them appear in both.",
        "only_a": "How many of them appear only in the first.",
        "only_b": "How many of them appear only in the second.",
        "beyond_measured": _BEYOND,
        "persons": "Every person; those in both lists come first, then those only in the first.",
        "persons[].in": "Where the person appears: both, a or b.",
        "persons[].a": "The person's faces in photos of the first list.",
        "persons[].b": "The person's faces in photos of the second list.",
    },
    "People": {
        "state": "off (setting library_people), waiting for more urgent work, counting, current, "
        "or refused, with the problem.",
        "counting": "The count under way: its faces, the rounds of its proof, the seconds so far; "
        "null if there is none.",
        "problem": "Why the persons of the present photos cannot be counted; else null.",
        "threshold": "The threshold of the count.",
        "as_of": "Which change of the library the persons are of, and when they were counted, in "
        "seconds since 1970; null before the first count.",
        "person_num": "How many different persons there are in the library.",
        "face_num": "How many faces counted.",
        "photo_num": "How many different photos there were.",
        "beyond_measured": _BEYOND,
        "persons": "A page of the persons, the most photographed first.",
        "persons[].photos": "In how many different photos the person is.",
        "persons[].face_num": "How many faces count as this person.",
        "persons[].faces": "Some of them, without those in photos that are gone or were changed.",
        "next": "`offset` of the next page; null: this is the last.",
    },
    "Similar": {
        "face": "The face that was asked about.",
        "threshold": "The threshold as the caller gave it; 0.2 if it gave none.",
        "found": "How many faces of the library are nearer than that, listed or not.",
        "similar": "The nearest of them, but for those in photos that are gone or were changed.",
    },
    "SimilarFace": {
        "distance": "Its cosine distance from the face, 0 to 2.",
        "threshold": "The threshold above which it is that near.",
        "false_match_rate": _MATCH_RATE,
    }
    | {name: text for name, text in _FACE.items() if name != "judgements"},
    "PhotoSimilar": {
        "filepath": "The path as the caller gave it.",
        "threshold": "The threshold as the caller gave it; 0.2 if it gave none.",
        "faces": "The faces of the photo that count.",
        "faces[].face": "One of them.",
        "faces[].found": "How many faces of the library are nearer than that, listed or not.",
        "faces[].similar": "The nearest of them, but for those in photos that are gone or were "
        "changed.",
    },
    "Judging": {
        "judgements": "What to add, all or none.",
        "judgements[].verdict": "What to say: the faces are the same person, they are different "
        "persons, or the face is not a person.",
        "judgements[].faces": "The ids of two faces; of one for not_a_person.",
        "judgements[].note": "A text of your own, up to 500 characters; no names of persons.",
    },
    "Judgement": _JUDGEMENT,
    "Judged": {"judgements": "The judgements, in the order of the request."},
    "Judgements": {"judgements": "A page of the list."},
    "Files": {
        "files": "A page of the list.",
        "files[].filepath": "The path to use in requests.",
        "files[].state": "Whether it waits, was read, failed or is no photo.",
        "files[].reason": "Why it failed or is no photo.",
        "files[].note": "What is wrong with it although it was read.",
    },
    "Retry": {
        "filepaths": "Paths of the files to read again.",
        "failed": "True for all failed files.",
    },
    "Queued": {"queued": "How many files will be read again."},
    "Uploaded": {"filepath": "The photo's path, to use in requests."},
}


def explained(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The named *schema* with what its members mean, those of the objects in it too."""
    return _explained(schema, MEMBERS.get(name, {}), "")


def _explained(schema: dict[str, Any], meanings: dict[str, str], before: str) -> dict[str, Any]:
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {
            member: _explained(inner, meanings, f"{before}{member}.")
            | ({"description": meanings[before + member]} if before + member in meanings else {})
            for member, inner in schema["properties"].items()
        }
    if "items" in schema:
        found["items"] = _explained(schema["items"], meanings, before.removesuffix(".") + "[].")
    if "oneOf" in schema:
        found["oneOf"] = [_explained(one, meanings, before) for one in schema["oneOf"]]
    return found
