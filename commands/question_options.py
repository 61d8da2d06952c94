"""Gives commands an option for each parameter of a question, made from its declaration."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from index.base.parameters import Parameter
from index.counting.question import PARAMETERS


def with_question_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the argument *given* by an option for each parameter of a question.

    The command gets the options in *given*, like the parameters of a request: only those that were
    given, by name, each with a list of its texts.
    """
    signature = inspect.signature(command)

    @wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401 - as Typer parsed them
        texts = {one.name: values.pop(one.name) for one in PARAMETERS}
        given = {name: [str(text)] for name, text in texts.items() if text is not None}
        command(given=given, **values)

    arguments: list[inspect.Parameter] = []
    for argument in signature.parameters.values():
        arguments += map(_option, PARAMETERS) if argument.name == "given" else [argument]
    run.__signature__ = signature.replace(parameters=arguments)  # type: ignore[attr-defined]
    return run


def _option(parameter: Parameter) -> inspect.Parameter:
    fallback = f"setting {parameter.setting}" if parameter.setting else True
    option = typer.Option(help=parameter.english, show_default=fallback)
    kind: Any = Annotated[(parameter.kind.choices or str) | None, option]
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=parameter.default,
        annotation=kind,
    )
