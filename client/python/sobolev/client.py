"""The entry point: a connection to a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from sobolev import pipelines, records
from sobolev._connection import Connection, Security, full_name
from sobolev._sampling_calls import SamplingCalls
from sobolev._stubs import datasets_pb2, jobs_pb2, models_pb2, programs_pb2
from sobolev._training_calls import TrainingCalls
from sobolev.dataset import Dataset
from sobolev.errors import NotFoundError, invalid_argument
from sobolev.job import Job
from sobolev.model import Model
from sobolev.program import Program


class Client(TrainingCalls, SamplingCalls):
    """A connection to a Sobolev server. Thread-safe; a context manager.

    Names may be given whole ("models/m/versions/3") or without the collection ("m/versions/3").
    Every method raises SobolevError: UnavailableError if no server answers, after a few retries,
    and DeadlineExceededError if the answer takes longer than the timeout.
    """

    def __init__(
        self,
        target: str = "localhost:50551",
        *,
        timeout: float = 60.0,
        tls: bool = False,
        ca: str | os.PathLike[str] | None = None,
        cert: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        token: str | None = None,
    ) -> None:
        """Connects on first use.

        Args:
          target: "host:port".
          timeout: Seconds for each call. Uploads and waiting for jobs may take longer; they end
            when the connection is broken for this long.
          tls: Whether to encrypt; any of the files below does so, too. The server's certificate
            must name the host of the target.
          ca: PEM file with the certificates of the authorities to trust, instead of grpc's own.
          cert: PEM file with our certificate, for servers that ask for one.
          key: PEM file with its private key.
          token: Sent with each call, for servers that ask for a login. Whoever sees it can use it:
            without TLS, that is everyone on the way.
        """
        self._connection = Connection(target, timeout, Security(tls, ca, cert, key, token))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.target!r})"

    def close(self) -> None:
        """Closes the connection. Jobs on the server go on."""
        self._connection.close()

    # ---- Datasets -------------------------------------------------------------------------------

    def create_dataset(
        self,
        name: str,
        inputs: Sequence[records.VariableLike],
        outputs: Sequence[records.VariableLike],
        *,
        allow_missing_derivatives: bool = False,
    ) -> Dataset:
        """A new, empty dataset, or the existing one if it has the same inputs and outputs.

        NaN is refused in samples, unless it stands for a missing value of an output with
        Variable.allow_missing, or for a missing derivative and allow_missing_derivatives is set.

        Raises AlreadyExistsError if the name is taken by other inputs and outputs.
        """
        return Dataset.create(self._connection, name, inputs, outputs, allow_missing_derivatives)

    def dataset(self, name: str) -> Dataset:
        """An existing dataset. Raises NotFoundError."""
        return Dataset.fetch(self._connection, full_name("datasets", name))

    def datasets(self) -> list[Dataset]:
        """All datasets, in order of name."""
        pages = self._connection.pages(
            self._connection.datasets.ListDatasets, datasets_pb2.ListDatasetsRequest()
        )
        return [Dataset(self._connection, message) for page in pages for message in page.datasets]

    # ---- Jobs and models ------------------------------------------------------------------------

    def job(self, name: str) -> Job:
        """An existing job. Raises NotFoundError."""
        request = jobs_pb2.GetJobRequest(name=full_name("jobs", name))
        return Job(self._connection, self._connection.call(self._connection.jobs.GetJob, request))

    def jobs(self) -> list[Job]:
        """All jobs, newest first."""
        pages = self._connection.pages(self._connection.jobs.ListJobs, jobs_pb2.ListJobsRequest())
        return [Job(self._connection, message) for page in pages for message in page.jobs]

    def model(self, name: str) -> Model:
        """The version "m/versions/3", or the newest version of "m" as of now.

        Versions never change: call again to see a newer one. Raises NotFoundError.
        """
        return Model.fetch(self._connection, full_name("models", name))

    def models(self) -> list[Model]:
        """The newest version of each model, in order of name."""
        pages = self._connection.pages(
            self._connection.models.ListModels, models_pb2.ListModelsRequest()
        )
        return [
            Model(self._connection, message.latest_version)
            for page in pages
            for message in page.models
        ]

    def model_versions(self, name: str) -> list[Model]:
        """All versions of a model, oldest first. Raises NotFoundError."""
        request = models_pb2.ListModelVersionsRequest(parent=full_name("models", name))
        pages = self._connection.pages(self._connection.models.ListModelVersions, request)
        return [
            Model(self._connection, message) for page in pages for message in page.model_versions
        ]

    def delete_model(self, name: str) -> None:
        """Deletes a model with all its versions. Predictions under way finish undisturbed."""
        request = models_pb2.DeleteModelRequest(name=full_name("models", name))
        self._connection.call(self._connection.models.DeleteModel, request)

    def create_pipeline(
        self,
        name: str,
        stages: Iterable[pipelines.StageLike],
        *,
        outputs: Iterable[str] = (),
    ) -> Model:
        """A model composed of models and programs, differentiated through the whole chain.

        It copies its parts, so that deleting one changes nothing. Repeating the call returns the
        newest version if it is the same function, and adds a version otherwise.

        Args:
          name: The model that gets the version, made if missing.
          stages: 1 to 64, in order of evaluation: a Model, a Program, "models/wing",
            "programs/lift", or a Stage with a name of its own and sources of its inputs.
          outputs: "stage.output", the name of an output (of the latest stage that has it), or of an
            input to hand through. Default: those of the last stage.

        Raises:
          InvalidArgumentError: Names that nothing has, sizes.
          NotFoundError: A stage that does not exist.
          AlreadyExistsError: The model was trained.
        """
        request = pipelines.to_request(name, stages, outputs)
        message = self._connection.call(self._connection.models.CreatePipeline, request)
        return Model(self._connection, message)

    # ---- Programs -------------------------------------------------------------------------------

    def create_program(self, name: str, source: str) -> Program:
        """A new program, or the existing one if it has the same source.

        Raises AlreadyExistsError if the name is taken by another source, and InvalidArgumentError
        with line and column if the source does not compile.
        """
        request = programs_pb2.CreateProgramRequest(program_id=name, source=_source_text(source))
        message = self._connection.call(self._connection.programs.CreateProgram, request)
        return Program(self._connection, message)

    def check_program(self, source: str) -> Program:
        """What a source would be as a program; nothing is stored, so it cannot be evaluated."""
        request = programs_pb2.CheckProgramRequest(source=_source_text(source))
        message = self._connection.call(self._connection.programs.CheckProgram, request)
        return Program(self._connection, message)

    def program(self, name: str) -> Program:
        """An existing program. Raises NotFoundError."""
        request = programs_pb2.GetProgramRequest(name=full_name("programs", name))
        message = self._connection.call(self._connection.programs.GetProgram, request)
        return Program(self._connection, message)

    def program_names(self) -> list[str]:
        """The ids of all programs, in order."""
        pages = self._connection.pages(
            self._connection.programs.ListPrograms, programs_pb2.ListProgramsRequest()
        )
        return [message.name.rpartition("/")[2] for page in pages for message in page.programs]

    def programs(self) -> list[Program]:
        """All programs, in order of name. Takes a call for each; program_names() takes one."""
        programs = []
        for name in self.program_names():
            with contextlib.suppress(NotFoundError):  # Deleted meanwhile.
                programs.append(self.program(name))
        return programs


def _source_text(source: Any) -> str:
    """A program's text, which the wire carries as UTF-8."""
    if not isinstance(source, (str, bytes)):
        raise invalid_argument(
            "NOT_TEXT", "source", f"expected a str with the text, got {type(source).__name__}"
        )
    try:
        text = source if isinstance(source, str) else source.decode()
        text.encode()
    except UnicodeError as error:
        start = error.start if isinstance(error, (UnicodeDecodeError, UnicodeEncodeError)) else 0
        newline = "\n" if isinstance(source, str) else b"\n"
        before: Any = source[:start]
        what = ascii(source[start]) if isinstance(source, str) else f"the byte {source[start]:#04x}"
        raise invalid_argument(
            "NOT_UTF8",
            "source",
            f"line {before.count(newline) + 1}, column {start - before.rfind(newline)}: "
            f"expected text in UTF-8, got {what}",
        ) from None
    return text
