"""Prints what a change of the model does to the counts of sampled folders."""

from index.base.paths import display
from index.base.plurals import counted
from index.library.folder_counts import FolderCounts

SHOWN_FOLDERS = 10  # of those whose count changes


def print_count(counts: FolderCounts) -> None:
    """Print the sum over the folders."""
    folders = counted(len(counts.persons), "folder")
    print(f"{counted(counts.total, 'person')} in {folders}, by {counts.model_id}")


def print_difference(before: FolderCounts, after: FolderCounts) -> None:
    """Print what changes in the sampled folders, the largest changes first."""
    print_count(after)
    both = sorted(set(before.persons) & set(after.persons))
    changed = [folder for folder in both if before.persons[folder] != after.persons[folder]]
    print(f"the count changes in {len(changed)} of {counted(len(both), 'folder')}")
    changed.sort(key=lambda folder: -abs(after.persons[folder] - before.persons[folder]))
    for folder in changed[:SHOWN_FOLDERS]:
        print(f"  {display(folder)}: {before.persons[folder]} -> {after.persons[folder]}")
    if len(changed) > SHOWN_FOLDERS:
        print(f"  and {len(changed) - SHOWN_FOLDERS} more")
