"""The contract as data: every call of every service in proto/, a good request of each, and ways to
make one field of it bad.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import google_crc32c
import grpc
import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from naming import unique
from wire import CHECKSUM_ORDER

PROTO = pathlib.Path(__file__).parents[2] / "proto"
TENSOR = "sobolev.v1.Tensor"


def load_contract() -> descriptor_pool.DescriptorPool:
    """All files of proto/, in a pool of their own: no stubs are needed to find a new service."""
    if shutil.which("protoc") is None:
        pytest.skip("needs protoc", allow_module_level=True)
    files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]
    arguments = ["protoc", f"-I{PROTO}", "--include_imports", "-o/dev/stdout", *files]
    made = subprocess.run(arguments, check=True, capture_output=True).stdout
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(made).file:
        pool.Add(file)
    return pool


def methods_of(pool: descriptor_pool.DescriptorPool) -> dict[str, MethodDescriptor]:
    """Every method of proto/, by "Service.Method"."""
    files = [pool.FindFileByName(str(path.relative_to(PROTO))) for path in PROTO.rglob("*.proto")]
    return {
        f"{service.name}.{method.name}": method
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    }


METHODS = methods_of(load_contract())


def path(method: str) -> str:
    """As HTTP/2 has it."""
    return f"/{METHODS[method].containing_service.full_name}/{METHODS[method].name}"


def doubles(shape: list[int], values: str) -> str:
    """A float64 tensor in protobuf's text format; `values` are 8 bytes each, "0" or "1"."""
    text = "".join({"0": "\\0" * 8, "1": "\\0\\0\\0\\0\\0\\0\\360?"}[each] for each in values)
    return f'{{ data_type: DATA_TYPE_FLOAT64 shape: {shape} data: "{text}" }}'


X = doubles([1, 2], "01")
SCHEMA = 'schema { inputs { name: "a" lower: 0 upper: 1 } outputs { name: "u" } }'
SPEC = """kind: KIND_NETWORK optimizer: OPTIMIZER_ADAM epochs: 1 network { hidden: 2 }
  input_maps { input: "a" period: 9 } output_maps { output: "u" lower: -9 }"""
QUANTITIES = "quantities: [1, 2, 3, 4, 5, 6]"
BOX = "box { min: 0 max: 0.5 } box { min: -0.5 max: 0 }"
DIRECTIONS = f"tangents {doubles([1, 2], '10')} adjoints {doubles([1, 1], '1')}"
OPEN = 'open { dataset: "datasets/appended" upload_id: "{unique}" }'
LABELS = f"""y {doubles([1, 1], "1")} jacobian {doubles([1, 1, 2], "11")}
  weight {doubles([1], "1")} tangents {doubles([1, 1, 2], "11")} jvp {doubles([1, 1, 1], "1")}
  adjoints {doubles([1, 1, 1], "1")} vjp {doubles([1, 1, 2], "11")}
  hvp_adjoints {doubles([1, 1, 1], "1")} hvp_tangents {doubles([1, 1, 2], "11")}
  hvp {doubles([1, 1, 2], "11")} y_variance {doubles([1, 1], "1")}
  jacobian_variance {doubles([1, 1, 2], "11")}"""
BLOCK = f"block {{ x {X} {LABELS} }}"
# All points of the sampling job that `wire.stock` starts are at (1, 1), but for the last digits.
TOLD = f"block {{ x {doubles([1, 2], '11')} {LABELS} }}"
FAILURE = 'failures { point: 2 attempt: 1 infeasible: true reason: "{unique}" }'
SAMPLING = """dataset: "datasets/bad-input" model_id: "{unique}"
  domain { min: 0 max: 1 } domain { min: -1 max: 1 }
  inputs { input: "a" scale: SCALE_LINEAR
  piecewise_linear { positions: 0 positions: 1 densities: 1 densities: 2 } }
  inputs { input: "b" fixed: 0.25 }
  constraints { coefficients { key: "b" value: 2 } bound: 9 }
  constraint_program: "programs/bad-input" strategy: STRATEGY_ADAPTIVE initial_points: 9
  round_fraction: 0.5 jacobian: true value_cost: 2 jacobian_cost: 3 lease_seconds: 60
  max_attempts: 2 seed: 7 stop_rules { evaluations: 20 cost: 90 value_error: 0.1
  gradient_error: 0.1 seconds: 60 stale_rounds: 3 closed_share: 0.9 }
  goal { kind: KIND_LEVEL output: "u" level: 0.5 } boxes { tolerance: 0.1 max_boxes: 50 }
  training { kind: KIND_NETWORK
  optimizer: OPTIMIZER_LEVENBERG_MARQUARDT network { hidden: 2 }
  input_maps { input: "a" period: 9 } output_maps { output: "u" lower: -9 } }"""

# A request that works of each call, in protobuf's text format. Streams take several: those before
# the last are sent as they are. The resources are those that `wire.stock` makes.
GOOD: dict[str, list[str]] = {
    "DatasetService.CreateDataset": [f'dataset_id: "{{unique}}" dataset {{ {SCHEMA} }}'],
    "DatasetService.GetDataset": ['name: "datasets/bad-input"'],
    "DatasetService.ListDatasets": ["page_size: 1"],
    "DatasetService.DeleteDataset": ['name: "datasets/doomed"'],
    "DatasetService.AppendSamples open": [OPEN],
    "DatasetService.AppendSamples block": [OPEN, BLOCK],
    "DatasetService.AppendSamples commit": [
        *(OPEN, BLOCK, "commit { block_count: 1 sample_count: 1 }"),
    ],
    "DatasetService.ReadSamples": ['name: "datasets/bad-input" version: 1'],
    "TrainingService.Train": [
        'dataset: "datasets/bad-input" dataset_version: 1 model_id: "bad-input" '
        f'request_id: "{{unique}}" validate_only: true spec {{ {SPEC} }}'
    ],
    "JobService.GetJob": ['name: "jobs/{job}"'],
    "JobService.ListJobs": ["page_size: 1"],
    "JobService.WatchJob": ['name: "jobs/{job}"'],
    "JobService.CancelJob": ['name: "jobs/{job}"'],
    "ModelService.GetModel": ['name: "models/bad-input"'],
    "ModelService.ListModels": ["page_size: 1"],
    "ModelService.DeleteModel": ['name: "models/doomed"'],
    "ModelService.GetModelVersion": ['name: "models/bad-input/versions/1"'],
    "ModelService.ListModelVersions": ['parent: "models/bad-input" page_size: 1'],
    "ModelService.CreatePipeline": [
        'model_id: "{unique}" outputs: "u" stages { name: "one" program: "programs/bad-input" '
        'inputs { key: "a" value: "a" } }'
    ],
    "ModelService.PlanDerivatives": [
        'model: "models/bad-input/versions/1" tape_memory: 1 workers: 2'
    ],
    "ModelService.Prune": [
        'model: "models/bad-input/versions/1" model_id: "bad-input" box { min: -0.5 max: 0.5 } '
        "box { min: -0.5 max: 0.5 } parts: PARTS_VERTICES rule: RULE_INTERVAL "
        "compensation: COMPENSATION_MEAN target { fraction: 0.25 } input_threshold: 1e-6 "
        'retraining { dataset: "datasets/bad-input" dataset_version: 1 steps: 1 alpha: 1 } '
        'certificate_boxes: 1 num_points: 9 request_id: "{unique}" validate_only: true'
    ],
    "ModelService.AnalyzeSignificance": [
        f'model: "models/bad-input" {BOX} cuts {{ input: "a" pieces: 2 }} edges: true max_boxes: 2 '
        "sample_count: 10 seed: 1 max_vertices: 5"
    ],
    "PredictionService.Bound": [
        f'model: "models/bad-input" {BOX} quantities: [1, 2] compare_to: "programs/bad-input" '
        "max_boxes: 5 tolerance: 0.1 sample_count: 10 seed: 1"
    ],
    "PredictionService.Certify": [
        f'model: "models/bad-input" {BOX} values {{ output: "u" min: -1 max: 1 }} '
        'derivatives { output: "u" input: "a" most: 2 } max_boxes: 5 max_pieces: 2'
    ],
    "SamplingService.StartSampling": [
        f'spec {{ {SAMPLING} }} request_id: "{{unique}}" validate_only: true'
    ],
    "SamplingService.UpdateSampling": [
        'name: "jobs/{sampling}" spec { stop_rules { evaluations: 1000000 cost: 9e9 '
        "value_error: 1e-9 gradient_error: 1e-9 seconds: 9e9 stale_rounds: 1000 closed_share: 1 } "
        'strategy: STRATEGY_ADAPTIVE goal { kind: KIND_LEVEL output: "u" level: 0.5 } '
        "boxes { tolerance: 0.1 max_boxes: 50 } round_fraction: 0.5 } "
        'update_mask { paths: "stop_rules" paths: "strategy" paths: "goal" paths: "boxes" '
        'paths: "round_fraction" }'
    ],
    "SamplingService.GetSamplingBoxes": ['name: "jobs/{sampling}"'],
    "SamplingService.GetSampling": ['name: "jobs/{sampling}"'],
    "SamplingService.ListSamplingPoints": ['name: "jobs/{sampling}" page_size: 1'],
    "SamplingService.Ask": ['name: "jobs/{sampling}" worker: "{unique}" count: 1'],
    "SamplingService.Tell": [
        f'name: "jobs/{{sampling}}" worker: "w" points: 1 {TOLD} {FAILURE}',
    ],
    "SamplingService.Heartbeat": ['name: "jobs/{sampling}" worker: "w"'],
    "SamplingService.PauseSampling": ['name: "jobs/{sampling}"'],
    "SamplingService.ResumeSampling": ['name: "jobs/{sampling}"'],
    "SamplingService.StopSampling": ['name: "jobs/{stopped}"'],
    "PredictionService.Predict": [f'model: "models/bad-input" x {X} {QUANTITIES} {DIRECTIONS}'],
    "PredictionService.PredictStream": [
        f'model: "models/bad-input" x {X} {QUANTITIES} {DIRECTIONS}'
    ],
    "ProgramService.CreateProgram": ['program_id: "{unique}" source: "input a\\noutput u = a"'],
    "ProgramService.CheckProgram": ['source: "input a\\noutput u = a"'],
    "ProgramService.GetProgram": ['name: "programs/bad-input"'],
    "ProgramService.ListPrograms": ["page_size: 1"],
    "ProgramService.DeleteProgram": ['name: "programs/doomed"'],
    "ProgramService.Evaluate": [f'program: "programs/bad-input" x {X} {QUANTITIES} {DIRECTIONS}'],
    "ProgramService.Enclose": [
        f'program: "programs/bad-input" x_min {doubles([1, 2], "00")} x_max {doubles([1, 2], "11")}'
    ],
    "ProgramService.AnalyzeCurvature": [
        f'program: "programs/bad-input" x {X} adjoint {doubles([1], "1")} newton {{}} trace {{}} '
        "eigenvalues {}"
    ],
    "GRPCInferenceService.ServerLive": [""],
    "GRPCInferenceService.ServerReady": [""],
    "GRPCInferenceService.ModelReady": ['name: "bad-input"'],
    "GRPCInferenceService.ServerMetadata": [""],
    "GRPCInferenceService.ModelMetadata": ['name: "bad-input"'],
    "GRPCInferenceService.ModelInfer": [
        'model_name: "bad-input" outputs { name: "jacobian" } '
        'inputs { name: "x" datatype: "FP64" shape: [1, 2] contents { fp64_contents: [0, 1] } }'
    ],
    "GRPCInferenceService.RepositoryIndex": [""],
}


def seal(message: Any) -> Any:
    """With the checksums that fit, where a request has any."""
    if "block" not in message.DESCRIPTOR.fields_by_name:
        return message
    parts = message.block
    if message.HasField("block") and not parts.crc32c:
        parts.crc32c = google_crc32c.value(
            b"".join(getattr(parts, name).data for name in CHECKSUM_ORDER)
        )
    return message


@dataclasses.dataclass
class Call:
    """A call of GOOD whose last request may be made bad."""

    name: str  # A key of GOOD.
    # Ids of jobs that exist, by what they are: those of `wire.stock`.
    jobs: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.name.split(" ")[0]

    def requests(self) -> list[Any]:
        made = message_factory.GetMessageClass(METHODS[self.method].input_type)
        filled = {**self.jobs, "unique": unique("contract")}
        texts = GOOD[self.name]
        for key, value in filled.items():
            texts = [text.replace(f"{{{key}}}", value) for text in texts]
        messages = [text_format.Parse(text, made()) for text in texts]
        for message in messages[:-1]:
            seal(message)
        if self.name == "DatasetService.AppendSamples commit":
            stored = messages[-2].block.crc32c
            messages[-1].commit.crc32c = google_crc32c.value(struct.pack("<I", stored))
        return messages

    def request(self) -> Any:
        """The last, which is to be made bad; not sealed yet."""
        return self.requests()[-1]

    def start(self, channel: grpc.Channel, last: Any, **options: Any) -> Any:
        """The running call, with `last` (a message or bytes) for its last request."""
        encoded = [each.SerializeToString() for each in self.requests()[:-1]]
        encoded.append(last if isinstance(last, bytes) else seal(last).SerializeToString())
        descriptor = METHODS[self.method]
        options = {"timeout": 60, **options}
        if descriptor.client_streaming:
            return channel.stream_stream(path(self.method))(iter(encoded), **options)
        if descriptor.server_streaming:
            return channel.unary_stream(path(self.method))(encoded[0], **options)
        return channel.unary_unary(path(self.method)).future(encoded[0], **options)

    def send(self, channel: grpc.Channel, last: Any, **options: Any) -> list[bytes]:
        """All replies. Throws grpc.RpcError."""
        running = self.start(channel, last, **options)
        return list(running) if METHODS[self.method].server_streaming else [running.result()]


Fields = tuple[FieldDescriptor, ...]

# What only the server writes; a client that sends it back, as resources are, is not refused.
WRITTEN_BY_THE_SERVER = {
    "DatasetService.CreateDataset": (
        *("dataset.name", "dataset.uid", "dataset.state", "dataset.damage", "dataset.version"),
        *("dataset.statistics", "dataset.create_time", "dataset.update_time"),
    ),
    "ModelService.CreatePipeline": ("stages.sha256",),
}


def is_message(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_MESSAGE


def is_map(field: FieldDescriptor) -> bool:
    return is_message(field) and field.message_type.GetOptions().map_entry


def dotted(fields: Fields) -> str:
    """Without positions: "stages.name"; the key of a map as in "stages.inputs.key"."""
    return ".".join(
        field.name
        for field in fields
        if not (field.name == "value" and field.containing_type.GetOptions().map_entry)
    )


def walk(message: Descriptor, above: Fields = ()) -> Iterator[Fields]:
    """The way to each field that is no message but a tensor or a map."""
    for field in message.fields:
        here = (*above, field)
        if not is_message(field) or field.message_type.full_name == TENSOR:
            yield here
        else:
            yield from walk(field.message_type, here)


def fields_of(name: str) -> list[Fields]:
    """Those of the request of a call of GOOD that a client may set."""
    skipped = WRITTEN_BY_THE_SERVER.get(name, ())
    message = METHODS[name.split(" ")[0]].input_type
    part = name.split(" ")[1] if " " in name else "open"
    wanted = [fields for fields in walk(message) if not dotted(fields).startswith(skipped)]
    if name.startswith("DatasetService.AppendSamples"):
        wanted = [fields for fields in wanted if fields[0].name == part]
    return wanted


def is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def put(message: Any, fields: Fields, value: Any) -> None:
    """Sets one field, the first element where it is repeated, and what it is within."""
    for depth, field in enumerate(fields):
        last = depth == len(fields) - 1
        if is_map(field):
            container = getattr(message, field.name)
            put_in_map(container, fields[depth + 1 :], value)
            return
        if is_repeated(field):
            container = getattr(message, field.name)
            if not is_message(field):
                container[:] = [value, *container[1:]]
                return
            if not container:
                container.add()
            message = container[0]
        elif not is_message(field):
            setattr(message, field.name, value)
            return
        else:
            message = getattr(message, field.name)
            message.SetInParent()
        if last:
            message.CopyFrom(value)


def put_in_map(entries: Any, fields: Fields, value: Any) -> None:
    """Sets the key of an entry, or what is in the value of the key "a"."""
    entry, *below = fields
    if below:
        put(entries["a"], tuple(below), value)
    elif entry.name == "value":
        entries["a"] = value
    else:
        held = entry.containing_type.fields_by_name["value"]
        if is_message(held):
            entries[value].SetInParent()
        else:
            entries[value] = "a" if held.type == FieldDescriptor.TYPE_STRING else 1
