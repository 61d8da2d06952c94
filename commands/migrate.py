"""migrate: brings the database to this program's revision."""

from commands.console import Config


def migrate(config: Config = None) -> None:
    """Create the database, or bring it to this program's version.

    Example: person-count migrate
    """
    from index.base.settings import load_settings
    from index.database.migration import migrate as migrate_database
    from index.database.whereabouts import place_of

    settings = load_settings(config)
    before, after = migrate_database(settings.database_address)
    print(f"{place_of(settings.database_address)}: revision {before or 'none'} -> {after}")
