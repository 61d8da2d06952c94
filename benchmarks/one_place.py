"""Measure counts on photos of one place: as shipped, calibrated without labels, and with labels.

usage: python benchmarks/one_place.py LFW [--develop] [--models facenet,mobilefacenet]
                                      [--draws 100] [--work FOLDER] [--more FOLDER ...]

LFW holds a folder of photos for each person. benchmarks/looks.py makes them look as if taken in one
place: at most 12 photos of each person. A seed halves the people. The photos of one half, as they
are, give centre, distance and rates: that stands for the profile that is shipped, which knows
everybody in LFW. The people of the other half in one place are the library. --develop takes the
looks and the half that the method was made with; without it come those that judge it.

"men" are the men of the library's half. Women are too few in a half: "women, by men" are those of
both halves, and the men of both give the profile.

--more names folders of people who are not in LFW. The shipped profile itself counts them.

How to read the JSON: accepted_of_1000 is the share of pairs of different people that are closer
than 0.2 is with that profile; exact per cent of each size, and the bias, which is the mean of
counted - true persons. "self" is what `person-count calibrate --library` makes of all faces;
"labelled" what `person-count calibrate` makes of the same faces with their labels. The library's
people gave these profiles and are then counted, as it is where the program runs. "notice" is what
the program says of the library without labels, under the shipped profile.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from looks import DEVELOP, JUDGE, PLAIN, make

# isort: split
from accuracy import embedded  # after looks: it takes this folder off the path

# a script's own folder is searched first, where ingest.py would be taken for the package
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]

from index.base.choices import Linkage, Split  # noqa: E402
from index.counting.agglomeration import compile_now  # noqa: E402
from index.counting.face_set import FaceSet  # noqa: E402
from index.counting.hierarchy import hierarchy  # noqa: E402
from index.evaluation.evaluation import calibrate  # noqa: E402
from index.evaluation.library_fit import library_fit  # noqa: E402
from index.evaluation.measures import (  # noqa: E402
    LabelledFaces,
    draw,
    of_half,
    pair_distances,
    quality,
)
from index.evaluation.self_calibration import UntrustedError, self_calibrate  # noqa: E402
from index.vectors.space import Profile, Space, shipped_profile  # noqa: E402

# of the hundred people of LFW with most photos; a name tells the sex, and nothing tells the age
WOMEN = {
    "Amelie_Mauresmo",
    "Angelina_Jolie",
    "Britney_Spears",
    "Catherine_Zeta-Jones",
    "Condoleezza_Rice",
    "Gloria_Macapagal_Arroyo",
    "Halle_Berry",
    "Hillary_Clinton",
    "Jennifer_Aniston",
    "Jennifer_Capriati",
    "Jennifer_Lopez",
    "Julianne_Moore",
    "Kim_Clijsters",
    "Laura_Bush",
    "Lindsay_Davenport",
    "Meryl_Streep",
    "Nancy_Pelosi",
    "Queen_Elizabeth_II",
    "Renee_Zellweger",
    "Serena_Williams",
    "Winona_Ryder",
}
SIZES = ((2, 5), (10, 5), (20, 5), (20, 1), (20, 2))
PHOTOS = 12
SEED = 0


def measure(library: LabelledFaces, shipped: Profile, draws: int) -> dict[str, Any]:
    """All figures of one set."""
    found: dict[str, Any] = {"people": len(set(library.people)), "faces": len(library.people)}
    found["shipped"] = judge(library, shipped, draws)
    if fit := library_fit(library.raw, library.photos, shipped):
        found["notice"] = fit.to_document()
    try:
        own = self_calibrate(library.raw, library.photos, shipped)
        found["self"] = judge(library, own.profile, draws) | {
            "counted": own.rounds,
            "interval": own.profile.measured["operating_distance_95"],
            "unchanged": not own.has_changed,
        }
    except UntrustedError as error:
        found["self"] = {"refused": str(error)}
    labelled = calibrate(library.raw, library.people, SEED, shipped)
    found["labelled"] = judge(library, labelled, draws)
    return found


def judge(library: LabelledFaces, profile: Profile, draws: int) -> dict[str, Any]:
    """How well *profile* counts the *library*."""
    space = Space.calibrated(profile)
    faces = FaceSet.of_raw(library.raw, library.photos, space)
    _, different = pair_distances(faces.vectors, library.people)
    sizes = {}
    for persons, photos in SIZES:
        drawn = draw(library.people, persons, photos, draws, SEED)
        trees = {rows.tobytes(): hierarchy(faces[rows], Linkage.EVIDENCE) for rows in drawn}
        found = quality(
            lambda rows, trees=trees: trees[rows.tobytes()].persons_at(profile.operating_distance),
            library.people,
            drawn,
        )
        sizes[f"{persons} x {photos}"] = [round(100 * found.exact), round(found.bias, 2)]
    return {
        "accepted_of_1000": round(1000 * float((different < profile.operating_distance).mean()), 2),
        "operating_distance": profile.operating_distance,
        "rho": profile.scatter.rho,
        "exact_and_bias": sizes,
    }


def of_one_sex(faces: LabelledFaces, *, women: bool) -> LabelledFaces:
    """The faces of the women, or of the others."""
    rows = [row for row, name in enumerate(faces.people) if (name in WOMEN) is women]
    people = [faces.people[row] for row in rows]
    return replace(faces, raw=faces.raw[rows], people=people, photos=faces.photos[rows])


def main() -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--develop", action="store_true")
    parser.add_argument("--models", default="facenet,mobilefacenet")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("one-place"))
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    compile_now()
    looks = {PLAIN: (), **(DEVELOP if given.develop else JUDGE)}
    half, other = (Split.A, Split.B) if given.develop else (Split.B, Split.A)
    figures: dict[str, Any] = {}
    for name in given.models.split(","):
        figures[name] = {}
        plain: Profile | None = None
        for look, steps in looks.items():
            folder = given.work / "sets" / look.replace(", ", "_").replace(" ", "-")
            make(given.folder, steps, PHOTOS, folder)
            faces = embedded(folder, name, given.work / "data" / folder.name)
            shipped = shipped_profile(name, faces.raw.shape[1])
            if plain is None:
                others = of_half(faces, other, SEED)
                plain = calibrate(others.raw, others.people, SEED, shipped)
                men = of_one_sex(of_half(faces, half, SEED), women=False)
                figures[name]["men"] = measure(men, plain, given.draws)
                others = of_one_sex(faces, women=False)
                of_men = calibrate(others.raw, others.people, SEED, shipped)
                women = of_one_sex(faces, women=True)
                figures[name]["women, by men"] = measure(women, of_men, given.draws)
            figures[name][look] = measure(of_half(faces, half, SEED), plain, given.draws)
        for folder in given.more:
            faces = embedded(folder, name, given.work / "data" / folder.name)
            shipped = shipped_profile(name, faces.raw.shape[1])
            figures[name][folder.name] = measure(faces, shipped, given.draws)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
