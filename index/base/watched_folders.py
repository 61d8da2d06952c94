"""Makes the folders to watch that are not there yet."""

import os
from pathlib import Path

from index.base.errors import ConfigError
from index.base.settings import Settings


def missing_folders(settings: Settings) -> list[Path]:
    """The folders to watch that are missing though the operator has named them: typos, perhaps."""
    usual = Path(Settings.model_fields["inbox"].default).absolute()
    return [root for root in settings.all_roots if root != usual and not os.path.lexists(root)]


def make_folders(settings: Settings) -> list[Path]:
    """Make the drop folder and the other roots where they are missing.

    Returns: those that were made though the operator has named them; see missing_folders().

    Raises:
        ConfigError: one cannot be made.
    """
    missing = missing_folders(settings)
    for folder in settings.all_roots:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{error.strerror}: {folder}") from error
    return missing
