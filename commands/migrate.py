"""migrate: the database at this program's revision."""

from typing import TYPE_CHECKING

from commands.console import Config
from index.base.settings import load_settings
from index.database.migration import migrate

if TYPE_CHECKING:
    pass


def migrate_command(config: Config = None) -> None:
    """Create the database, or bring it to this program's version.

    Example: person-count migrate
    """
    settings = load_settings(config)
    before, after = migrate(settings.database_path)
    print(f"{settings.database_path}: revision {before or 'none'} -> {after}")
