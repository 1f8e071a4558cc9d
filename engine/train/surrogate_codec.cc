#include "engine/train/surrogate_codec.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/chain/pipeline.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/network_surrogate.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {
namespace {

// "SBLVMDL2", read as a little-endian integer.
constexpr std::uint64_t kMagic = 0x324c444d564c4253;

[[noreturn]] void ThrowDataLoss() {
  throw Error(ErrorCode::kDataLoss, "CORRUPT_MODEL", "model",
              "the stored weights are damaged or of another format; train the model again");
}

// Kinds that hold others. Pipelines hold few of their own kind within each other and the rest none,
// so that damaged bytes lead to no deep recursion.
struct Holders {
  bool ensemble = true;  // Whether an ensemble may come.
  bool composed = true;
  bool local_taylor = true;
  Index pipelines = chain::Pipeline::kMaxDepth;  // How many may come within each other.
};

std::shared_ptr<const Surrogate> ReadSurrogate(ByteReader& reader, Holders allowed);

std::shared_ptr<const Surrogate> ReadEnsemble(ByteReader& reader, Holders allowed) {
  allowed.ensemble = false;
  std::vector<std::shared_ptr<const Surrogate>> members(
      static_cast<std::size_t>(reader.ReadInt(1, EnsembleSurrogate::kMaxMembers)));
  for (auto& member : members) member = ReadSurrogate(reader, allowed);
  return std::make_shared<EnsembleSurrogate>(std::move(members));
}

std::shared_ptr<const Surrogate> ReadComposed(ByteReader& reader, Holders allowed) {
  allowed.composed = false;
  Composition composition = Composition::Load(reader);
  return std::make_shared<ComposedSurrogate>(std::move(composition),
                                             ReadSurrogate(reader, allowed));
}

std::shared_ptr<const Surrogate> ReadLocalTaylor(ByteReader& reader, Holders allowed) {
  allowed.local_taylor = false;
  TaylorPatches patches = TaylorPatches::Load(reader);
  return std::make_shared<LocalTaylorSurrogate>(ReadSurrogate(reader, allowed), std::move(patches));
}

std::vector<Index> ReadPositions(ByteReader& reader, Index count) {
  const auto positions = reader.ReadAll<std::int64_t>(static_cast<std::size_t>(count));
  return {positions.begin(), positions.end()};
}

std::shared_ptr<const Surrogate> ReadPipeline(ByteReader& reader, Holders allowed) {
  --allowed.pipelines;
  const Index n = reader.ReadInt(1, chain::Pipeline::kMaxPool);
  std::vector<chain::Stage> stages(
      static_cast<std::size_t>(reader.ReadInt(1, chain::Pipeline::kMaxStages)));
  for (chain::Stage& stage : stages) {
    stage.function = ReadSurrogate(reader, allowed);
    stage.inputs = ReadPositions(reader, stage.function->n());
  }
  const Index m = reader.ReadInt(1, chain::Pipeline::kMaxPool);
  return std::make_shared<chain::Pipeline>(n, std::move(stages), ReadPositions(reader, m));
}

// The kind, then what the kind saved.
std::shared_ptr<const Surrogate> ReadSurrogate(ByteReader& reader, Holders allowed) {
  switch (static_cast<SurrogateKind>(reader.Read<std::int64_t>())) {
    case SurrogateKind::kNetwork:
      return nn::NetworkSurrogate::Load(reader);
    case SurrogateKind::kPolynomial:
      return regression::PolynomialSurrogate::Load(reader);
    case SurrogateKind::kGaussianProcess:
      return regression::GaussianProcess::Load(reader);
    case SurrogateKind::kEnsemble:
      if (allowed.ensemble) return ReadEnsemble(reader, allowed);
      break;
    case SurrogateKind::kComposed:
      if (allowed.composed) return ReadComposed(reader, allowed);
      break;
    case SurrogateKind::kProgram:
      return chain::ProgramSurrogate::Load(reader);
    case SurrogateKind::kPipeline:
      if (allowed.pipelines > 0) return ReadPipeline(reader, allowed);
      break;
    case SurrogateKind::kLocalTaylor:
      if (allowed.local_taylor) return ReadLocalTaylor(reader, allowed);
      break;
  }
  ThrowDataLoss();
}

std::shared_ptr<const Surrogate> Decode(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Read<std::uint64_t>() != kMagic) ThrowDataLoss();
  std::shared_ptr<const Surrogate> surrogate = ReadSurrogate(reader, {});
  reader.Finish();
  return surrogate;
}

}  // namespace

std::string EncodeSurrogate(const Surrogate& surrogate) {
  ByteWriter writer;
  writer.Write(kMagic);
  writer.Write(static_cast<std::int64_t>(surrogate.kind()));
  surrogate.Save(writer);
  return std::move(writer).Finish();
}

std::shared_ptr<const Surrogate> DecodeSurrogate(std::string_view bytes) {
  try {
    return Decode(bytes);
  } catch (const Error&) {
    ThrowDataLoss();
  }
}

}  // namespace sobolev::train
