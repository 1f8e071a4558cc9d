// The bytes of Gaussian processes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/regression/covariance.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/gaussian_process_fit.h"
#include "engine/regression/kernel.h"
#include "engine/surrogate/affine_maps.h"

namespace sobolev::regression {

namespace {

void WriteMatrix(ByteWriter& writer, const Matrix& matrix) {
  writer.WriteAll(std::span(matrix.data(), static_cast<std::size_t>(matrix.size())));
}

Matrix ReadMatrix(ByteReader& reader, Index rows, Index cols) {
  const auto elements = reader.ReadAll<double>(static_cast<std::size_t>(rows * cols));
  return ConstMatrixMap(elements.data(), rows, cols);
}

}  // namespace

void GaussianProcess::Save(ByteWriter& writer) const {
  maps().Save(writer);
  writer.Write(static_cast<std::int64_t>(parts_.size()));
  for (const Part& part : parts_) {
    writer.Write(static_cast<std::int64_t>(part.outputs.size()));
    for (const Index output : part.outputs) writer.Write(static_cast<std::int64_t>(output));
    writer.Write(static_cast<std::int64_t>(part.hyperparameters.kind));
    writer.WriteVector(part.hyperparameters.Pack());
    writer.Write(static_cast<std::int64_t>(part.Z.cols()));
    writer.Write(static_cast<std::int64_t>(part.G.cols() > 0 ? 1 : 0));
    writer.Write(static_cast<std::int64_t>(part.trend.cols()));
    WriteMatrix(writer, part.Z);
    writer.WriteVector(part.mean);
    WriteMatrix(writer, part.B);
    WriteMatrix(writer, part.G);
    writer.WriteVector(part.deviation);
    part.functionals.Save(writer);
    for (Index a = 0; a < part.factor.cols(); ++a) {
      const Index rest = part.factor.rows() - a;
      writer.WriteAll(std::span(part.factor.col(a).data() + a, static_cast<std::size_t>(rest)));
    }
    WriteMatrix(writer, part.trend);
    WriteMatrix(writer, part.trend_factor);
  }
}

std::unique_ptr<GaussianProcess> GaussianProcess::Load(ByteReader& reader) {
  AffineMaps maps = AffineMaps::Load(reader);
  const Index r = maps.r();
  std::vector<Part> parts(static_cast<std::size_t>(reader.ReadInt(1, maps.m())));
  for (Part& part : parts) {
    part.outputs.resize(static_cast<std::size_t>(reader.ReadInt(1, maps.m())));
    for (Index& output : part.outputs) output = reader.ReadInt(0, maps.m() - 1);
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    const auto kind =
        static_cast<KernelKind>(reader.ReadInt(static_cast<Index>(KernelKind::kSquaredExponential),
                                               static_cast<Index>(KernelKind::kMatern52)));
    part.hyperparameters = Hyperparameters::Unpack(kind, reader.ReadVector(r + 2));
    const Index num_points = reader.ReadInt(0, kMaxProcessLabels);
    const bool gradients = reader.ReadInt(0, 1) == 1;
    const Index num_trends = reader.ReadInt(0, num_outputs);
    part.Z = ReadMatrix(reader, r, num_points);
    part.mean = reader.ReadVector(num_outputs);
    part.B = ReadMatrix(reader, num_outputs, num_points);
    part.G = ReadMatrix(reader, r, gradients ? num_outputs * num_points : 0);
    part.deviation = reader.ReadVector(num_outputs);
    part.functionals = Functionals::Load(reader, r, num_outputs, kMaxProcessLabels);
    const Index num_labels = part.functionals.NumLabels();
    part.factor = Matrix::Zero(num_labels, num_labels);
    for (Index a = 0; a < num_labels; ++a) {
      part.factor.col(a).tail(num_labels - a) = reader.ReadVector(num_labels - a);
    }
    part.trend = ReadMatrix(reader, num_labels, num_trends);
    part.trend_factor = ReadMatrix(reader, num_trends, num_trends);
  }
  return std::make_unique<GaussianProcess>(std::move(maps), std::move(parts));
}

}  // namespace sobolev::regression
