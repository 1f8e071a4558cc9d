// The pieces of a selection's state as bytes. What Write wrote, the reader of its kind reads.

#ifndef SOBOLEV_ENGINE_TRAIN_TRIAL_CODEC_H_
#define SOBOLEV_ENGINE_TRAIN_TRIAL_CODEC_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/errors.h"
#include "engine/train/label_checks.h"
#include "engine/train/recipe.h"
#include "engine/train/taylor_fit.h"
#include "engine/train/trial.h"

namespace sobolev::train {

void Write(ByteWriter& writer, const Errors& errors);
void Write(ByteWriter& writer, const PointErrors& errors);
void Write(ByteWriter& writer, const HeldOutErrors& errors);
void Write(ByteWriter& writer, const SuspectLabel& suspect);
void Write(ByteWriter& writer, const Trial& trial);
void Write(ByteWriter& writer, const CurvePoint& point);
void Write(ByteWriter& writer, const Recipe& recipe);
void Write(ByteWriter& writer, const FittedBase& base);
// May be null.
void Write(ByteWriter& writer, const std::shared_ptr<const Surrogate>& surrogate);

Errors ReadErrors(ByteReader& reader);
PointErrors ReadPointErrors(ByteReader& reader);
HeldOutErrors ReadHeldOutErrors(ByteReader& reader);
SuspectLabel ReadSuspectLabel(ByteReader& reader);
Trial ReadTrial(ByteReader& reader);
CurvePoint ReadCurvePoint(ByteReader& reader);
Recipe ReadRecipe(ByteReader& reader);
FittedBase ReadFittedBase(ByteReader& reader);
std::shared_ptr<const Surrogate> ReadSurrogate(ByteReader& reader);

template <class T>
void WriteEach(ByteWriter& writer, const std::vector<T>& items) {
  writer.Write(items.size());
  for (const T& item : items) Write(writer, item);
}

template <class T>
std::vector<T> ReadEach(ByteReader& reader, T (*read_one)(ByteReader&)) {
  std::vector<T> items;
  for (auto left = reader.Read<std::size_t>(); left > 0; --left) items.push_back(read_one(reader));
  return items;
}

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_TRIAL_CODEC_H_
