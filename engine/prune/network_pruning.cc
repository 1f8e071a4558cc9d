#include "engine/prune/network_pruning.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_pruning.h"
#include "engine/prune/input_removal.h"
#include "engine/prune/layers.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/vertex_pruning.h"

namespace sobolev::prune {

namespace {

// How often a target is tightened that was kept by the parts and not by the whole.
constexpr int kMaxAttempts = 5;

std::string Text(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

bool IsByError(const Target& target) { return target.value_error || target.jacobian_error; }

// What remains of an error when others take their part.
std::optional<double> Less(const std::optional<double>& budget, double spent) {
  if (!budget) return std::nullopt;
  return *budget - spent;
}

bool Keeps(const Target& target, const Deviation& deviation) {
  return (!target.value_error || deviation.value <= *target.value_error) &&
         (!target.jacobian_error || deviation.jacobian <= *target.jacobian_error);
}

// Names the error of the target that `reached`, the least that there is, does not keep to.
[[noreturn]] void ThrowOutOfReach(const Target& target, const Deviation& reached,
                                  const std::string& what) {
  const bool by_value = target.value_error && reached.value > *target.value_error;
  throw FailedPrecondition(
      "TARGET_OUT_OF_REACH", by_value ? "target.value_error" : "target.jacobian_error",
      "expected at least " + Text(by_value ? reached.value : reached.jacobian) + ", by which " +
          what + ", got " + Text(by_value ? *target.value_error : *target.jacobian_error) +
          "; raise the target");
}

Index NumVertices(const nn::NetworkSurrogate& network) {
  Index count = 0;
  for (const Index width : network.architecture().hidden) count += width;
  return count;
}

Index NumWeights(const nn::Architecture& architecture) {
  Index count = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    count += architecture.Rows(l) * architecture.Cols(l);
  }
  return count;
}

// Of each input, its bound for the output that it matters most to.
Vector SobolBounds(const nn::NetworkSurrogate& network, const Box& box,
                   const NetworkPruningOptions& options, const std::stop_token& stop) {
  const Matrix X = UniformPoints(box, options.num_points, options.seed);
  Matrix Y(network.m(), X.cols());
  Matrix J(network.n(), network.m() * X.cols());
  network.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                  {.Y = Y.data(), .J = J.data()}, stop);
  return TotalSobolBounds(box, Y, J).rowwise().maxCoeff();
}

// What vertices or weights are removed.
struct Removed {
  nn::NetworkSurrogate network;
  std::vector<Index> vertices;  // As in PrunedNetwork.
  std::vector<Index> weights;
  Deviation deviation;

  bool Nothing() const {
    const auto is_none = [](Index count) { return count == 0; };
    return std::ranges::all_of(vertices, is_none) && std::ranges::all_of(weights, is_none);
  }
};

Removed Remove(const nn::NetworkSurrogate& network, const Box& box,
               const NetworkPruningOptions& options, const Target& target,
               const std::stop_token& stop) {
  const std::size_t hidden = network.architecture().hidden.size();
  std::vector<Index> vertices(hidden);
  if (const auto* score = std::get_if<VertexScore>(&options.score)) {
    PrunedVertices pruned = PruneVertices(network, box,
                                          {.score = *score,
                                           .compensation = options.compensation,
                                           .target = target,
                                           .num_points = options.num_points,
                                           .seed = options.seed},
                                          stop);
    for (const VertexRemoval& removal : pruned.report.removed) {
      ++vertices[static_cast<std::size_t>(removal.layer - 1)];
    }
    return {std::move(pruned.network), std::move(vertices), {}, pruned.report.result};
  }
  PrunedEdges pruned = PruneEdges(network, box,
                                  {.score = std::get<EdgeScore>(options.score),
                                   .compensation = options.compensation,
                                   .target = target,
                                   .num_points = options.num_points,
                                   .seed = options.seed},
                                  stop);
  std::vector<Index> weights(hidden + 1);
  for (const EdgeRemoval& removal : pruned.report.removed) {
    ++weights[static_cast<std::size_t>(removal.layer - 1)];
  }
  return {std::move(pruned.network), std::move(vertices), std::move(weights), pruned.report.result};
}

class NetworkPruner {
 public:
  NetworkPruner(const nn::NetworkSurrogate& network, const Box& box,
                const NetworkPruningOptions& options, const std::stop_token& stop)
      : network_(network),
        box_(box),
        options_(options),
        stop_(stop),
        fixed_(0.5 * box.min + 0.5 * box.max),
        // The seed of PruneVertices and PruneEdges for points to judge by.
        judges_(UniformPoints(box, options.num_points, options.seed + 1)) {
    if (options.input_threshold) {
      sobol_bounds_ = SobolBounds(network, box, options, stop);
      inputs_ = SignificantInputs(sobol_bounds_, *options.input_threshold);
    } else {
      for (Index j = 0; j < network.n(); ++j) inputs_.push_back(j);
    }
  }

  PrunedNetwork Prune() const {
    const nn::NetworkSurrogate narrowed = FixInputs(network_, inputs_, fixed_);
    const Deviation of_inputs = DeviationOf(narrowed);
    if (!options_.target) {
      RequireFewerInputs();
      const std::vector<Index> none(network_.architecture().hidden.size());
      return Result(FixInputs(network_, inputs_, fixed_), none, {}, of_inputs);
    }
    const Target& target = *options_.target;
    if (!Keeps(target, of_inputs)) {
      ThrowOutOfReach(target, of_inputs,
                      "the network deviates without the inputs that are removed");
    }
    const Box box{.min = box_.min(inputs_), .max = box_.max(inputs_)};
    Target left = target;
    left.value_error = Less(target.value_error, of_inputs.value);
    left.jacobian_error = Less(target.jacobian_error, of_inputs.jacobian);
    for (int attempt = 1;; ++attempt) {
      Removed removed = Remove(narrowed, box, options_, left, stop_);
      const Deviation deviation = DeviationOf(removed.network);
      if (IsByError(target) && removed.Nothing() && inputs_.size() == AllInputs()) {
        ThrowOutOfReach(target, LeastDeviation(narrowed, box),
                        "the network deviates if anything "
                        "is removed");
      }
      if (removed.Nothing() && !options_.may_remove_nothing) RequireFewerInputs();
      if (Keeps(target, deviation)) {
        return Result(std::move(removed.network), std::move(removed.vertices),
                      std::move(removed.weights), deviation);
      }
      if (attempt == kMaxAttempts) {
        ThrowOutOfReach(target, deviation, "inputs and the rest deviate together");
      }
      if (left.value_error) left.value_error = 0.7 * *left.value_error;
      if (left.jacobian_error) left.jacobian_error = 0.7 * *left.jacobian_error;
    }
  }

 private:
  std::size_t AllInputs() const { return static_cast<std::size_t>(network_.n()); }

  void RequireFewerInputs() const {
    if (inputs_.size() < AllInputs()) return;
    if (!options_.input_threshold) {
      throw FailedPrecondition("NOTHING_TO_REMOVE", "target",
                               "expected a target for which something needs to go, got one that "
                               "the network meets; change it, or retrain");
    }
    throw FailedPrecondition("NOTHING_TO_REMOVE", "input_threshold",
                             "expected more than " + Text(sobol_bounds_.minCoeff()) +
                                 ", the least bound of an input, got " +
                                 Text(*options_.input_threshold) +
                                 "; raise it or set a target for vertices or weights that "
                                 "the network does not meet");
  }

  Deviation DeviationOf(const nn::NetworkSurrogate& changed) const {
    return Compare(network_, WithAllInputs(changed, inputs_, network_.scaling()), box_, judges_,
                   stop_);
  }

  // Without the one vertex or weight that goes first.
  Deviation LeastDeviation(const nn::NetworkSurrogate& narrowed, const Box& box) const {
    const Index total = std::holds_alternative<VertexScore>(options_.score)
                            ? NumVertices(narrowed)
                            : NumWeights(narrowed.architecture());
    return Remove(narrowed, box, options_, {.fraction = 1 / static_cast<double>(total)}, stop_)
        .deviation;
  }

  PrunedNetwork Result(nn::NetworkSurrogate network, std::vector<Index> vertices,
                       std::vector<Index> weights, const Deviation& deviation) const {
    return {.network = std::move(network),
            .inputs = inputs_,
            .fixed = fixed_,
            .sobol_bounds = sobol_bounds_,
            .removed_vertices = std::move(vertices),
            .removed_weights = std::move(weights),
            .deviation = deviation};
  }

  const nn::NetworkSurrogate& network_;
  const Box& box_;
  const NetworkPruningOptions& options_;
  const std::stop_token& stop_;
  const Vector fixed_;
  const Matrix judges_;
  Vector sobol_bounds_;
  std::vector<Index> inputs_;
};

// That vertices can be removed, and as many as a fraction asks for.
void CheckVertices(const nn::Architecture& architecture, const Target& target) {
  if (architecture.residual) {
    throw InvalidArgument("RESIDUAL_NETWORK", "network.residual",
                          "expected a network without residual layers, which share their "
                          "vertices; prune its weights or train one without them");
  }
  Index total = 0;
  Index available = 0;
  for (const Index width : architecture.hidden) {
    total += width;
    available += std::max<Index>(0, width - kFewestVertices);
  }
  if (available == 0) {
    throw FailedPrecondition("TOO_SMALL", "network.hidden",
                             "expected a hidden layer of more than " +
                                 std::to_string(kFewestVertices) +
                                 " vertices, which stay in any case; there is nothing to prune");
  }
  const double most = static_cast<double>(available) / static_cast<double>(total);
  // Rounded to whole vertices as StepsFor does.
  if (target.fraction && *target.fraction > most + 0.5 / static_cast<double>(total)) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "target.fraction",
        "expected at most " + Text(most) + ", for " + std::to_string(kFewestVertices) +
            " vertices stay in each layer, got " + Text(*target.fraction) + "; lower it");
  }
}

// That the target is not one that the network meets as it is.
void CheckSomethingGoes(const nn::NetworkSurrogate& network, const Target& target, Index total) {
  const auto refuse = [](const char* field, const std::string& expected) {
    throw InvalidArgument(
        "OUT_OF_RANGE", field,
        "expected " + expected + ", or a copy would come out; change it, or retrain");
  };
  if (target.fraction && std::llround(*target.fraction * static_cast<double>(total)) == 0) {
    refuse("target.fraction", "at least " + Text(1 / static_cast<double>(total)) + ", for one of " +
                                  std::to_string(total) + ", got " + Text(*target.fraction));
  }
  const Layers layers(network);
  const auto check = [&](const char* field, const std::optional<Index>& most, Index size) {
    if (!most || *most < size) return;
    refuse(field, "less than the " + std::to_string(size) + " of the network, got " +
                      std::to_string(*most));
  };
  check("target.parameters", target.parameters, NumParameters(layers));
  check("target.multiply_adds", target.multiply_adds, JacobianCost(layers));
}

}  // namespace

void CheckPruning(const nn::NetworkSurrogate& network, const NetworkPruningOptions& options) {
  CheckNumPoints(options.num_points);
  if (options.input_threshold &&
      !(*options.input_threshold >= 0 && std::isfinite(*options.input_threshold))) {
    throw InvalidArgument("OUT_OF_RANGE", "input_threshold",
                          "expected a finite number of 0 or more, got " +
                              Text(*options.input_threshold) +
                              "; 0.01 of total Sobol indices is usual");
  }
  if (!options.target && options.input_threshold) return;
  const Target target = options.target.value_or(Target{});
  CheckTarget(target);
  const bool of_vertices = std::holds_alternative<VertexScore>(options.score);
  if (of_vertices) CheckVertices(network.architecture(), target);
  if (options.may_remove_nothing || options.input_threshold) return;
  CheckSomethingGoes(network, target,
                     of_vertices ? NumVertices(network) : NumWeights(network.architecture()));
}

double MemoryBytes(const nn::Architecture& architecture, const NetworkPruningOptions& options) {
  const auto n = static_cast<double>(architecture.n);
  const auto m = static_cast<double>(architecture.m);
  // Jacobians of both networks, each twice in Compare.
  double numbers = static_cast<double>(options.num_points) * (2 * n + 2 * m + 4 * n * m);
  double widest = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const auto taken = static_cast<double>(architecture.Cols(l)) + 1;
    numbers += 3 * taken * taken;  // H and its inverse.
    widest = std::max({widest, taken, static_cast<double>(architecture.Rows(l))});
  }
  // What is swept at once: 256 samples with their tangents.
  numbers += 4 * 256 * widest * (1 + std::min(n, static_cast<double>(kManyInputs)));
  const auto parameters = static_cast<double>(architecture.NumParameters());
  // Orders of removal, and interval significance of every weight for every output.
  const bool weights = std::holds_alternative<EdgeScore>(options.score);
  numbers += parameters * (weights ? 20 + m : 8);
  return sizeof(double) * numbers;
}

PrunedNetwork PruneNetwork(const nn::NetworkSurrogate& network, const Box& box,
                           const NetworkPruningOptions& options, const std::stop_token& stop) {
  RequireBox(box, network.n());
  CheckPruning(network, options);
  return NetworkPruner(network, box, options, stop).Prune();
}

nn::NetworkSurrogate WithAllInputs(const nn::NetworkSurrogate& network,
                                   const std::vector<Index>& kept, const nn::Scaling& scaling) {
  const nn::Scaling& own = network.scaling();
  const Index n = scaling.x_mean.size();
  // Standardised: x̂_kept = A x̂ + c.
  Matrix A = Matrix::Zero(network.n(), n);
  Vector c(network.n());
  for (Index k = 0; k < network.n(); ++k) {
    const Index j = kept[static_cast<std::size_t>(k)];
    A(k, j) = scaling.x_scale[j] / own.x_scale[k];
    c[k] = (scaling.x_mean[j] - own.x_mean[k]) / own.x_scale[k];
  }
  nn::Architecture architecture = network.architecture();
  architecture.n = n;
  return nn::NetworkSurrogate(architecture,
                              {.x_mean = scaling.x_mean,
                               .x_scale = scaling.x_scale,
                               .y_mean = own.y_mean,
                               .y_scale = own.y_scale},
                              nn::FoldAffine(network.architecture(), network.theta(), A, c,
                                             Vector::Zero(network.m()), Vector::Ones(network.m())));
}

}  // namespace sobolev::prune
