"""token: adds, lists and removes bearer tokens."""

from pathlib import Path
from typing import Annotated

import typer

from commands.console import Config, tell
from index.base.errors import ConfigError
from index.base.tokens import Scope, add_token, read_tokens, remove_token

app = typer.Typer(no_args_is_help=True, help="Who may ask the service: bearer tokens.")

Name = Annotated[str, typer.Argument(help="The token's name in the list.")]


def _file(config: Path | None) -> Path:
    from index.base.settings import load_settings

    path = load_settings(config).tokens
    if path is None:
        raise ConfigError("there is no tokens file: set tokens to its path, such as data/tokens")
    return path


@app.command()
def add(
    name: Name,
    scope: Annotated[
        Scope, typer.Option(help="Its rights; judge includes read, and admin includes both.")
    ] = Scope.READ,
    config: Config = None,
) -> None:
    """Make a token and print its secret, once.

    Only its SHA-256 is stored.

    Example: person-count token add nightly-report
    """
    path = _file(config)
    print(add_token(path, name, scope))
    tell(f"token {name} may {scope}; send it as Authorization: Bearer TOKEN")


@app.command(name="list")
def list_tokens(config: Config = None) -> None:
    """Print each token's name, scope and the beginning of its SHA-256.

    Example: person-count token list
    """
    for token in read_tokens(_file(config)):
        print(f"{token.name} {token.scope} {token.digest[:12]}")


@app.command()
def remove(name: Name, config: Config = None) -> None:
    """Remove a token.

    A running service refuses it from the next request on.

    Example: person-count token remove nightly-report
    """
    path = _file(config)
    remove_token(path, name)
    tell(f"token {name} is no longer valid")
