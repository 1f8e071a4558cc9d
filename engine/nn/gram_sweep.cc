#include "engine/nn/gram_sweep.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <stop_token>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_chunk.h"
#include "engine/nn/gram_curvature.h"
#include "engine/nn/gram_gradient.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_matrix.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/gram_rows.h"
#include "engine/nn/gram_workers.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"

namespace sobolev::nn {

namespace {

// Groups that are swept before their products are added.
constexpr Index kBlockGroups = 32;
// Chunks are dealt to at most this many gradients, in contiguous runs.
constexpr Index kMaxSlots = 16;

const Architecture& Validated(const Architecture& architecture) {
  Validate(architecture);
  return architecture;
}

}  // namespace

struct GramSweep::Impl {
  // Groups of a kind and how they are swept.
  struct Kind {
    GramGroups groups;
    GramChunk chunk;
    std::vector<GramProduct> products;
  };

  Impl(const Architecture& architecture, const LabelledPoints& points, const LossWeights& weights,
       const Options& options)
      : network(Validated(architecture)),
        kernels(KernelsFor<double>(options.isa)),
        gram_kernels(GramKernelsFor(options.isa)),
        packed(network),
        direction(network) {
    std::vector<GramBlock> blocks;
    Index size = 0;
    for (GramGroups& groups : MakeGramGroups(architecture, points, weights, kernels.lanes)) {
      const GramKind kind = groups.kind;
      num_chunks += groups.num_chunks;
      residual_size += groups.num_chunks * groups.rows.num_residuals * kernels.lanes;
      num_residuals += CountWeights(groups);
      kinds.push_back({.groups = std::move(groups),
                       .chunk = GramChunk(network, packed, kind, architecture.activation,
                                          options.use != Use::kProducts, options.isa),
                       .products = {}});
      const GramLayout& layout = kinds.back().chunk.layout();
      if (options.use == Use::kMatrix && kind == GramKind::kCurvature) {
        curvature = std::make_unique<GramCurvature>(network, workers.size(), options.isa);
      } else if (options.use == Use::kMatrix) {
        kinds.back().products = MakeGramProducts(network, layout, blocks);
      }
      size = std::max(size, layout.size);
    }
    chunks_per_block = std::max<Index>(1, kBlockGroups / kernels.lanes);
    gradient_slots =
        curvature ? std::max(chunks_per_block, GramCurvature::kChunks) : chunks_per_block;
    const Index num_spaces = std::max(gradient_slots, workers.size());
    for (Index i = 0; i < num_spaces; ++i) spaces.emplace_back(size);
    prepared.assign(static_cast<std::size_t>(num_spaces), nullptr);
    for (Index i = 0; i < std::max(kMaxSlots, gradient_slots); ++i) {
      tiles.emplace_back(network.tiles_size);
    }
    losses.resize(static_cast<std::size_t>(num_chunks));
    if (options.use == Use::kRows || options.use == Use::kMatrix) {
      for (Index i = 0; i < workers.size(); ++i) {
        row_scratch.emplace_back(RowScratchSize(network, kernels.lanes));
      }
    }
    if (options.use == Use::kMatrix) {
      matrix = std::make_unique<GramMatrix>(network, blocks, workers.size(), options.isa);
      for (const Kind& kind : kinds) matrix->Reserve(kind.products);
    }
  }

  Index CountWeights(const GramGroups& groups) const {
    Index count = 0;
    for (Index chunk = 0; chunk < groups.num_chunks; ++chunk) {
      const double* const weight =
          groups.Chunk(chunk, kernels.lanes) + groups.rows.root_weight * kernels.lanes;
      count += std::count_if(weight, weight + groups.rows.num_residuals * kernels.lanes,
                             [](double root) { return root > 0; });
    }
    return count;
  }

  // Workspace `i`, ready for chunks of that kind.
  double* Space(Index i, const Kind& kind) {
    double* const space = spaces[static_cast<std::size_t>(i)].data();
    const Kind*& now = prepared[static_cast<std::size_t>(i)];
    if (now != &kind) kind.chunk.Prepare(space);
    now = &kind;
    return space;
  }

  void ClearTiles(Index slot) {
    std::fill_n(tiles[static_cast<std::size_t>(slot)].data(), network.tiles_size, 0.0);
  }

  // The gradient's share of a chunk, after one of its transposed sweeps, into a slot.
  void AddToSlot(const Kind& kind, const double* space, Index slot) {
    AddGradient(network, kind.chunk.layout(), kernels, space,
                tiles[static_cast<std::size_t>(slot)].data());
  }

  void SetParameters(const ConstVectorRef& theta) {
    RequireSize("theta", theta.size(), network.num_parameters);
    packed.Set(theta.data());
  }

  // The chunks of all kinds in a row: number `chunk` of kind `kind`.
  struct Place {
    const Kind& kind;
    Index chunk;
    const double* data;
    Index residual;  // Where its residuals begin.
  };
  Place At(Index number) const {
    for (const Kind& kind : kinds) {
      if (number < kind.groups.num_chunks) {
        return {
            kind, number, kind.groups.Chunk(number, kernels.lanes),
            kind.groups.first_residual + number * kind.groups.rows.num_residuals * kernels.lanes};
      }
      number -= kind.groups.num_chunks;
    }
    return {kinds.front(), 0, nullptr, 0};  // Not reached.
  }

  // Chunks first … last − 1.
  struct Range {
    Index first;
    Index last;

    Index Count() const { return last - first; }
    Index NumSlots() const { return std::min(Count(), kMaxSlots); }
  };
  Range All() const { return {0, num_chunks}; }

  double SumLosses(Range range) const {
    return std::accumulate(losses.begin() + range.first, losses.begin() + range.last, 0.0);
  }

  // The sums and the memory that a visit may use.
  struct Means {
    Index slot;
    Index worker;
    double* space;
  };

  // visit(place, number, means) for every chunk of the range, slot by slot.
  template <class Visit>
  void ForEachChunk(Range range, const std::stop_token& stop, const Visit& visit) {
    const Index num_slots = range.NumSlots();
    workers.ForEach(num_slots, [&](Index slot, Index worker) {
      for (Index number = range.first + slot * range.Count() / num_slots;
           number < range.first + (slot + 1) * range.Count() / num_slots; ++number) {
        ThrowIfStopped(stop);
        const Place place = At(number);
        visit(place, number, {slot, worker, Space(worker, place.kind)});
      }
    });
  }

  double Residuals(const ConstVectorRef& theta, double* r, const std::stop_token& stop) {
    SetParameters(theta);
    ForEachChunk(All(), stop, [&](const Place& place, Index number, const Means& means) {
      double* const space = means.space;
      losses[static_cast<std::size_t>(number)] = place.kind.chunk.Residuals(place.data, space);
      if (r == nullptr) return;
      const GramLayout& layout = place.kind.chunk.layout();
      std::copy_n(space + layout.sigma, layout.data.num_residuals * kernels.lanes,
                  r + place.residual);
    });
    return SumLosses(All());
  }

  // product = Rᵀu over a range, with u = r if it is null. Returns the range's share of L(θ).
  double Transposed(const ConstVectorRef& theta, Range range, const double* u, VectorRef product,
                    const std::stop_token& stop) {
    SetParameters(theta);
    for (Index slot = 0; slot < range.NumSlots(); ++slot) ClearTiles(slot);
    ForEachChunk(range, stop, [&](const Place& place, Index number, const Means& means) {
      double* const space = means.space;
      const GramChunk& chunk = place.kind.chunk;
      losses[static_cast<std::size_t>(number)] = chunk.Residuals(place.data, space);
      chunk.Transposed(u == nullptr ? space + chunk.layout().sigma : u + place.residual, space);
      AddToSlot(place.kind, space, means.slot);
    });
    CollectGradient(network, tiles, range.NumSlots(), product);
    return SumLosses(range);
  }

  double Rows(const ConstVectorRef& theta, MatrixRef R, VectorRef gradient, double* r,
              const std::stop_token& stop) {
    SetParameters(theta);
    for (Index slot = 0; slot < All().NumSlots(); ++slot) ClearTiles(slot);
    ForEachChunk(All(), stop, [&](const Place& place, Index number, const Means& means) {
      const GramChunk& chunk = place.kind.chunk;
      double* const space = means.space;
      losses[static_cast<std::size_t>(number)] = chunk.Residuals(place.data, space);
      const GramLayout& layout = chunk.layout();
      std::copy_n(space + layout.sigma, layout.data.num_residuals * kernels.lanes,
                  r + place.residual);
      chunk.Transposed(space + layout.sigma, space);
      AddToSlot(place.kind, space, means.slot);
      double* const scratch = row_scratch[static_cast<std::size_t>(means.worker)].data();
      double* const rows = R.data() + place.residual;
      if (layout.kind != GramKind::kCurvature) {
        chunk.Factors(space);
        WriteRows(network, layout, gram_kernels, space, scratch, rows, R.outerStride());
        return;
      }
      for (Index q = 0; q < network.n; ++q) {
        chunk.TransposedUnit(q, space);
        WriteCurvatureRows(network, layout, gram_kernels, space, scratch, rows + q * kernels.lanes,
                           1, R.outerStride());
      }
    });
    CollectGradient(network, tiles, All().NumSlots(), gradient);
    return SumLosses(All());
  }

  void Apply(const ConstVectorRef& theta, const ConstVectorRef& v, double* product,
             const std::stop_token& stop) {
    SetParameters(theta);
    direction.Set(v.data());
    ForEachChunk(All(), stop, [&](const Place& place, Index /*number*/, const Means& means) {
      const GramLayout& layout = place.kind.chunk.layout();
      place.kind.chunk.Residuals(place.data, means.space);
      place.kind.chunk.Directional(direction, means.space);
      std::copy_n(means.space + layout.sigma, layout.data.num_residuals * kernels.lanes,
                  product + place.residual);
    });
  }

  // Residuals and their gradient for all chunks of a kind, `size` at a time: visit(count) finds the
  // results of so many in the first spaces. Returns the number of the next kind's first chunk.
  template <class Visit>
  Index ForEachBlock(const Kind& kind, Index number, Index size, double* r,
                     const std::stop_token& stop, const Visit& visit) {
    const GramLayout& layout = kind.chunk.layout();
    const Index num_rows = layout.data.num_residuals * kernels.lanes;
    for (Index first = 0; first < kind.groups.num_chunks; first += size) {
      const Index count = std::min(size, kind.groups.num_chunks - first);
      workers.ForEach(count, [&](Index i, Index /*worker*/) {
        ThrowIfStopped(stop);
        double* const space = Space(i, kind);
        losses[static_cast<std::size_t>(number + first + i)] =
            kind.chunk.Residuals(kind.groups.Chunk(first + i, kernels.lanes), space);
        std::copy_n(space + layout.sigma, num_rows,
                    r + kind.groups.first_residual + (first + i) * num_rows);
        kind.chunk.Transposed(space + layout.sigma, space);
        AddToSlot(kind, space, i);
        if (layout.kind != GramKind::kCurvature) kind.chunk.Factors(space);
      });
      visit(count);
    }
    return number + kind.groups.num_chunks;
  }

  // Curvatures are the last of the kinds.
  double Assemble(MatrixRef H, double* r, const std::stop_token& stop) {
    matrix->Clear(workers);
    for (Index slot = 0; slot < gradient_slots; ++slot) ClearTiles(slot);
    const Kind* const last = curvature ? &kinds.back() : nullptr;
    Index number = 0;
    for (const Kind& kind : kinds) {
      if (&kind == last) break;
      number = ForEachBlock(kind, number, chunks_per_block, r, stop, [&](Index count) {
        matrix->Add(kind.products, spaces, count, workers, stop);
      });
    }
    matrix->Collect(H, workers);
    if (curvature) {
      ForEachBlock(*last, number, GramCurvature::kChunks, r, stop, [&](Index count) {
        curvature->Add(last->chunk, spaces, count, H, workers, stop);
      });
    }
    return SumLosses(All());
  }

  const GramNetwork network;
  const Kernels<double>& kernels;
  const GramKernels& gram_kernels;
  GramWeights packed;
  GramWeights direction;
  GramWorkers workers;
  std::vector<Kind> kinds;
  Index num_chunks = 0;
  Index num_residuals = 0;
  Index residual_size = 0;
  Index chunks_per_block = 1;
  Index gradient_slots = 1;  // That Assemble uses.

  std::vector<AlignedBuffer<double>> spaces;
  std::vector<const Kind*> prepared;  // What each space is prepared for.
  std::vector<AlignedBuffer<double>> tiles;
  std::vector<AlignedBuffer<double>> row_scratch;  // Per worker.
  std::vector<double> losses;                      // Per chunk.
  std::unique_ptr<GramMatrix> matrix;
  std::unique_ptr<GramCurvature> curvature;  // Null without such labels.
};

GramSweep::GramSweep(const Architecture& architecture, const LabelledPoints& points,
                     const LossWeights& weights, const Options& options)
    : impl_(std::make_unique<Impl>(architecture, points, weights, options)) {}

GramSweep::GramSweep(const Architecture& architecture, const LabelledPoints& points,
                     const LossWeights& weights)
    : GramSweep(architecture, points, weights, Options{}) {}

GramSweep::~GramSweep() = default;

Index GramSweep::NumParameters() const { return impl_->network.num_parameters; }
Index GramSweep::NumResiduals() const { return impl_->num_residuals; }
Index GramSweep::ResidualSize() const { return impl_->residual_size; }

double GramSweep::Loss(const ConstVectorRef& theta, const std::stop_token& stop) {
  return impl_->Residuals(theta, nullptr, stop);
}

double GramSweep::Residuals(const ConstVectorRef& theta, VectorRef r, const std::stop_token& stop) {
  RequireSize("r", r.size(), impl_->residual_size);
  return impl_->Residuals(theta, r.data(), stop);
}

double GramSweep::Assemble(const ConstVectorRef& theta, MatrixRef H, VectorRef gradient,
                           VectorRef r, const std::stop_token& stop) {
  Impl& impl = *impl_;
  const Index p = impl.network.num_parameters;
  RequireSize("H rows", H.rows(), p);
  RequireSize("H columns", H.cols(), p);
  RequireSize("gradient", gradient.size(), p);
  RequireSize("r", r.size(), impl.residual_size);
  if (!impl.matrix) {
    throw FailedPrecondition("NO_MATRIX", "", "this sweep was made without memory for a matrix");
  }
  impl.SetParameters(theta);
  const double loss = impl.Assemble(H, r.data(), stop);
  CollectGradient(impl.network, impl.tiles, impl.gradient_slots, gradient);
  return loss;
}

double GramSweep::Gradient(const ConstVectorRef& theta, VectorRef gradient,
                           const std::stop_token& stop) {
  RequireSize("gradient", gradient.size(), impl_->network.num_parameters);
  return impl_->Transposed(theta, impl_->All(), nullptr, gradient, stop);
}

Index GramSweep::NumChunks() const { return impl_->num_chunks; }

double GramSweep::GradientOfChunks(const ConstVectorRef& theta, Index first, Index last,
                                   VectorRef gradient, const std::stop_token& stop) {
  RequireSize("gradient", gradient.size(), impl_->network.num_parameters);
  return impl_->Transposed(theta, {first, last}, nullptr, gradient, stop);
}

double GramSweep::Rows(const ConstVectorRef& theta, MatrixRef R, VectorRef gradient, VectorRef r,
                       const std::stop_token& stop) {
  RequireSize("R rows", R.rows(), impl_->residual_size);
  RequireSize("R columns", R.cols(), impl_->network.num_parameters);
  RequireSize("gradient", gradient.size(), impl_->network.num_parameters);
  RequireSize("r", r.size(), impl_->residual_size);
  if (impl_->row_scratch.empty()) {
    throw FailedPrecondition("NO_ROWS", "", "this sweep was made without memory for rows");
  }
  return impl_->Rows(theta, R, gradient, r.data(), stop);
}

void GramSweep::Apply(const ConstVectorRef& theta, const ConstVectorRef& v, VectorRef product,
                      const std::stop_token& stop) {
  RequireSize("v", v.size(), impl_->network.num_parameters);
  RequireSize("product", product.size(), impl_->residual_size);
  impl_->Apply(theta, v, product.data(), stop);
}

void GramSweep::ApplyTransposed(const ConstVectorRef& theta, const ConstVectorRef& u,
                                VectorRef product, const std::stop_token& stop) {
  RequireSize("u", u.size(), impl_->residual_size);
  RequireSize("product", product.size(), impl_->network.num_parameters);
  impl_->Transposed(theta, impl_->All(), u.data(), product, stop);
}

}  // namespace sobolev::nn
