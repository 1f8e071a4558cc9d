#include "engine/train/trial_codec.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/activation.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/errors.h"
#include "engine/train/label_checks.h"
#include "engine/train/recipe.h"
#include "engine/train/surrogate_codec.h"
#include "engine/train/taylor_fit.h"
#include "engine/train/trial.h"

namespace sobolev::train {

namespace {

void Write(ByteWriter& writer, const Vector& numbers) {
  writer.Write(static_cast<std::int64_t>(numbers.size()));
  writer.WriteVector(numbers);
}

Vector ReadSizedVector(ByteReader& reader) {
  return reader.ReadVector(reader.ReadInt(0, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

void Write(ByteWriter& writer, const Recipe& recipe) {
  writer.Write(recipe.family);
  writer.Write(recipe.rank);
  writer.Write(recipe.derivatives);
  writer.Write(recipe.balance);
  writer.Write(recipe.logarithms);
  writer.Write(recipe.taylor_order);
  writer.Write(recipe.search);
  writer.Write(recipe.hidden.size());
  writer.WriteAll(std::span<const Index>(recipe.hidden));
  writer.Write(recipe.activation);
  writer.Write(recipe.skip);
  writer.Write(recipe.residual);
  writer.Write(recipe.adam_steps);
  writer.Write(recipe.lbfgs_steps);
  writer.Write(recipe.newton_iterations);
  writer.Write(recipe.local_variance);
  writer.Write(recipe.restart);
}

Recipe ReadRecipe(ByteReader& reader) {
  Recipe recipe;
  recipe.family = reader.Read<Family>();
  recipe.rank = reader.Read<Index>();
  recipe.derivatives = reader.Read<bool>();
  recipe.balance = reader.Read<double>();
  recipe.logarithms = reader.Read<Logarithms>();
  recipe.taylor_order = reader.Read<Index>();
  recipe.search = reader.Read<double>();
  recipe.hidden = reader.ReadAll<Index>(reader.Read<std::size_t>());
  recipe.activation = reader.Read<nn::Activation>();
  recipe.skip = reader.Read<bool>();
  recipe.residual = reader.Read<bool>();
  recipe.adam_steps = reader.Read<Index>();
  recipe.lbfgs_steps = reader.Read<Index>();
  recipe.newton_iterations = reader.Read<Index>();
  recipe.local_variance = reader.Read<bool>();
  recipe.restart = reader.Read<Index>();
  return recipe;
}

void Write(ByteWriter& writer, const FittedBase& base) {
  Write(writer, base.surrogate);
  writer.Write(base.iterations);
}

FittedBase ReadFittedBase(ByteReader& reader) {
  FittedBase base{.surrogate = ReadSurrogate(reader), .iterations = 0};
  base.iterations = reader.Read<Index>();
  return base;
}

// None is no bytes.
void Write(ByteWriter& writer, const std::shared_ptr<const Surrogate>& surrogate) {
  const std::string bytes = surrogate == nullptr ? "" : EncodeSurrogate(*surrogate);
  writer.Write(bytes.size());
  writer.WriteAll(std::span(bytes));
}

std::shared_ptr<const Surrogate> ReadSurrogate(ByteReader& reader) {
  const std::vector<char> bytes = reader.ReadAll<char>(reader.Read<std::size_t>());
  if (bytes.empty()) return nullptr;
  return DecodeSurrogate({bytes.data(), bytes.size()});
}

void Write(ByteWriter& writer, const Errors& errors) {
  Write(writer, errors.value_rmse);
  writer.Write(errors.value_relative);
  Write(writer, errors.jacobian_rmse);
  writer.Write(errors.jacobian_relative);
  writer.Write(errors.curvature_relative.has_value());
  writer.Write(errors.curvature_relative.value_or(0));
}

Errors ReadErrors(ByteReader& reader) {
  Errors errors;
  errors.value_rmse = ReadSizedVector(reader);
  errors.value_relative = reader.Read<double>();
  errors.jacobian_rmse = ReadSizedVector(reader);
  errors.jacobian_relative = reader.Read<double>();
  const bool has_curvature = reader.Read<bool>();
  const auto curvature_relative = reader.Read<double>();
  if (has_curvature) errors.curvature_relative = curvature_relative;
  return errors;
}

void Write(ByteWriter& writer, const HeldOutErrors& errors) {
  Write(writer, errors.value);
  Write(writer, Vector(errors.slope.reshaped()));
}

HeldOutErrors ReadHeldOutErrors(ByteReader& reader) {
  HeldOutErrors errors{.value = ReadSizedVector(reader), .slope = {}};
  const Vector slope = ReadSizedVector(reader);
  const Index m = errors.value.size();
  if (m > 0) errors.slope = slope.reshaped(slope.size() / m, m);
  return errors;
}

void Write(ByteWriter& writer, const SuspectLabel& suspect) {
  writer.Write(suspect.output);
  writer.Write(suspect.input);
  writer.Write(suspect.kind);
  writer.Write(suspect.other);
  writer.Write(suspect.factor);
  writer.Write(suspect.disputed);
}

SuspectLabel ReadSuspectLabel(ByteReader& reader) {
  SuspectLabel suspect;
  suspect.output = reader.Read<Index>();
  suspect.input = reader.Read<Index>();
  suspect.kind = reader.Read<SuspectLabel::Kind>();
  suspect.other = reader.Read<Index>();
  suspect.factor = reader.Read<double>();
  suspect.disputed = reader.Read<double>();
  return suspect;
}

void Write(ByteWriter& writer, const Trial& trial) {
  Write(writer, trial.recipe);
  writer.Write(trial.state);
  Write(writer, trial.errors);
  writer.Write(trial.score);
  writer.Write(trial.work);
  writer.Write(trial.iterations);
}

Trial ReadTrial(ByteReader& reader) {
  Trial trial;
  trial.recipe = ReadRecipe(reader);
  trial.state = reader.Read<Trial::State>();
  trial.errors = ReadErrors(reader);
  trial.score = reader.Read<double>();
  trial.work = reader.Read<double>();
  trial.iterations = reader.Read<Index>();
  return trial;
}

void Write(ByteWriter& writer, const PointErrors& errors) {
  Write(writer, errors.value);
  Write(writer, errors.jacobian);
}

PointErrors ReadPointErrors(ByteReader& reader) {
  PointErrors errors;
  errors.value = ReadSizedVector(reader);
  errors.jacobian = ReadSizedVector(reader);
  return errors;
}

void Write(ByteWriter& writer, const CurvePoint& point) {
  writer.Write(point.num_samples);
  Write(writer, point.errors);
}

CurvePoint ReadCurvePoint(ByteReader& reader) {
  CurvePoint point;
  point.num_samples = reader.Read<Index>();
  point.errors = ReadErrors(reader);
  return point;
}

}  // namespace sobolev::train
