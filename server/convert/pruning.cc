#include "server/convert/pruning.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "engine/base/error.h"
#include "engine/bounds/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/vertex_order.h"
#include "server/convert/derivative_plan.h"
#include "server/convert/range.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

using Request = v1::PruneRequest;

constexpr std::int64_t kMaxSteps = 1'000'000;
constexpr std::int64_t kDefaultSteps = 1000;
constexpr double kMaxLearningRate = 10;
constexpr double kMaxLossWeight = 1e6;
// Of the rate from scratch: a pruned network has not far to go.
constexpr double kRetrainingShare = 0.4;

constexpr std::int64_t kMaxBoxes = 1'000'000;
constexpr double kDefaultBoxes = 5000;
// Networks of more parameters get fewer boxes unless told otherwise.
constexpr double kSmallNetwork = 10'000;
// Entries of the Jacobian that a report has room for.
constexpr Index kMaxEntries = 4096;

std::string KindName(SurrogateKind kind) {
  switch (kind) {
    case SurrogateKind::kNetwork:
      return "a network";
    case SurrogateKind::kPolynomial:
      return "a polynomial";
    case SurrogateKind::kGaussianProcess:
      return "a Gaussian process";
    case SurrogateKind::kEnsemble:
      return "an ensemble";
    case SurrogateKind::kComposed:
      return "a model with maps of inputs or outputs around it";
    case SurrogateKind::kProgram:
      return "a program";
    case SurrogateKind::kPipeline:
      return "a pipeline";
    case SurrogateKind::kLocalTaylor:
      return "a model with local Taylor models around it";
  }
  return "another model";
}

[[noreturn]] void ThrowNotApplicable(const std::string& field, const std::string& what) {
  throw InvalidArgument("NOT_APPLICABLE", field, what);
}

[[noreturn]] void ThrowUnknown(const std::string& field, const std::string& known, int number) {
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", field,
                        "expected " + known + ", got number " + std::to_string(number));
}

bool PrunesWeights(const Request& request) {
  switch (request.parts()) {
    case Request::PARTS_UNSPECIFIED:
    case Request::PARTS_VERTICES:
      return false;
    case Request::PARTS_WEIGHTS:
      return true;
    default:
      ThrowUnknown("parts", "vertices or weights", request.parts());
  }
}

prune::VertexScore ToVertexScore(Request::Rule rule) {
  switch (rule) {
    case Request::RULE_UNSPECIFIED:
    case Request::RULE_SOBOLEV_OBS:
      return prune::VertexScore::kSobolevObs;
    case Request::RULE_INTERVAL:
      return prune::VertexScore::kInterval;
    case Request::RULE_SAMPLED:
      return prune::VertexScore::kSampled;
    case Request::RULE_TAYLOR:
      return prune::VertexScore::kTaylor;
    case Request::RULE_MAGNITUDE:
      return prune::VertexScore::kMagnitude;
    case Request::RULE_RANDOM:
      return prune::VertexScore::kRandom;
    case Request::RULE_WANDA:
      ThrowNotApplicable("rule",
                         "expected a rule for vertices, got wanda, which ranks weights; set parts "
                         "to weights or choose another rule");
    default:
      ThrowUnknown("rule", "sobolev_obs, interval, sampled, taylor, magnitude, wanda or random",
                   rule);
  }
}

prune::EdgeScore ToEdgeScore(Request::Rule rule) {
  switch (rule) {
    case Request::RULE_UNSPECIFIED:
    case Request::RULE_SOBOLEV_OBS:
      return prune::EdgeScore::kSobolevObs;
    case Request::RULE_INTERVAL:
      return prune::EdgeScore::kInterval;
    case Request::RULE_MAGNITUDE:
      return prune::EdgeScore::kMagnitude;
    case Request::RULE_WANDA:
      return prune::EdgeScore::kWanda;
    case Request::RULE_RANDOM:
      return prune::EdgeScore::kRandom;
    case Request::RULE_SAMPLED:
    case Request::RULE_TAYLOR:
      ThrowNotApplicable("rule",
                         "expected a rule for weights, got one that ranks vertices; set parts to "
                         "vertices or choose another rule");
    default:
      ThrowUnknown("rule", "sobolev_obs, interval, sampled, taylor, magnitude, wanda or random",
                   rule);
  }
}

prune::Compensation ToCompensation(Request::Compensation compensation) {
  switch (compensation) {
    case Request::COMPENSATION_UNSPECIFIED:
    case Request::COMPENSATION_SOBOLEV:
      return prune::Compensation::kSobolev;
    case Request::COMPENSATION_MEAN:
      return prune::Compensation::kMean;
    case Request::COMPENSATION_MIDPOINT:
      return prune::Compensation::kMidpoint;
    case Request::COMPENSATION_ZERO:
      return prune::Compensation::kZero;
    default:
      ThrowUnknown("compensation", "sobolev, mean, midpoint or zero", compensation);
  }
}

prune::Target ToTarget(const Request::Target& target) {
  prune::Target to;
  if (target.has_fraction()) to.fraction = target.fraction();
  if (target.has_parameters()) to.parameters = target.parameters();
  if (target.has_multiply_adds()) to.multiply_adds = target.multiply_adds();
  if (target.has_value_error()) to.value_error = target.value_error();
  if (target.has_jacobian_error()) to.jacobian_error = target.jacobian_error();
  return to;
}

void RequireRange(const std::string& field, double actual, bool holds, const std::string& expected,
                  const std::string& fix) {
  if (holds) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + expected + ", got " + Text(actual) + "; " + fix);
}

void CheckRetraining(const Request::Retraining& retraining) {
  const auto steps = static_cast<double>(retraining.steps());
  RequireRange(
      "retraining.steps", steps,
      !retraining.has_steps() || (retraining.steps() >= 1 && retraining.steps() <= kMaxSteps),
      "1 to " + std::to_string(kMaxSteps), "1000 is usual");
  const double rate = retraining.learning_rate();
  RequireRange("retraining.learning_rate", rate,
               !retraining.has_learning_rate() || (rate > 0 && rate <= kMaxLearningRate),
               "more than 0 and at most 10", "leave it unset to have it chosen");
  const auto check_weight = [](const char* field, bool is_set, double weight) {
    RequireRange(field, weight, !is_set || (weight >= 0 && weight <= kMaxLossWeight), "0 to 1e+06",
                 "leave it unset to have it chosen");
  };
  check_weight("retraining.alpha", retraining.has_alpha(), retraining.alpha());
  check_weight("retraining.beta", retraining.has_beta(), retraining.beta());
}

// Calls what throws errors about a spec of training and its dataset.
template <class Call>
auto AboutRetraining(const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    const std::string spec = "spec.";
    std::string field = error.field();
    if (field.rfind(spec, 0) == 0) field = field.substr(spec.size());
    const std::string message = error.what();
    throw Error(error.code(), error.reason(), "retraining." + field,
                message.substr(std::min(message.size(), error.field().size() + 2)));
  }
}

// The number that bounds a difference in [lo, hi].
double Magnitude(double lo, double hi) { return std::max(std::abs(lo), std::abs(hi)); }

}  // namespace

const nn::NetworkSurrogate& RequireNetwork(const Surrogate& surrogate) {
  if (surrogate.kind() == SurrogateKind::kNetwork) {
    return static_cast<const nn::NetworkSurrogate&>(surrogate);
  }
  throw InvalidArgument("NOT_A_NETWORK", "model",
                        "expected a plain network, got " + KindName(surrogate.kind()) +
                            "; train one with kind network, without maps and of ensemble size 1");
}

prune::NetworkPruningOptions ToPruningOptions(const Request& request) {
  prune::NetworkPruningOptions options;
  if (PrunesWeights(request)) {
    options.score = ToEdgeScore(request.rule());
  } else {
    options.score = ToVertexScore(request.rule());
  }
  options.compensation = ToCompensation(request.compensation());
  if (request.has_target()) options.target = ToTarget(request.target());
  if (request.has_input_threshold()) options.input_threshold = request.input_threshold();
  if (request.has_num_points()) options.num_points = request.num_points();
  if (request.has_seed()) options.seed = request.seed();
  options.may_remove_nothing = request.has_retraining();
  return options;
}

prune::Box ToPruningBox(const Request& request, const v1::ModelVersion& version) {
  const auto n = static_cast<Index>(version.domain_size());
  if (!request.box().empty() && request.box_size() != version.domain_size()) {
    throw InvalidArgument("SHAPE_MISMATCH", "box",
                          "expected a range for each of the " + std::to_string(n) +
                              " inputs, got " + std::to_string(request.box_size()));
  }
  prune::Box box{.min = Vector(n), .max = Vector(n)};
  for (int j = 0; j < version.domain_size(); ++j) {
    const v1::Range& domain = version.domain(j);
    const v1::Range& range = request.box().empty() ? domain : request.box(j);
    const std::string field = "box[" + std::to_string(j) + "]";
    CheckRange(range, field);
    CheckWithinDomain(range, domain, version.schema().inputs(j).name(), field);
    box.min[j] = range.min();
    box.max[j] = range.max();
  }
  return box;
}

Index CertificateBoxes(const Request& request, const nn::Architecture& architecture,
                       std::size_t memory_limit) {
  const Index entries = architecture.n * architecture.m;
  if (!request.has_certificate_boxes()) {
    if (entries > kMaxEntries) return 0;
    const double size = static_cast<double>(architecture.NumParameters()) / kSmallNetwork;
    return static_cast<Index>(std::max(1.0, kDefaultBoxes / std::max(1.0, size)));
  }
  const std::int64_t boxes = request.certificate_boxes();
  RequireRange("certificate_boxes", static_cast<double>(boxes), boxes >= 0 && boxes <= kMaxBoxes,
               "0 to " + std::to_string(kMaxBoxes), "5000 is usual, and 0 means no certificate");
  if (boxes > 0 && entries > kMaxEntries) {
    ThrowNotApplicable("certificate_boxes", "expected 0 for a model whose Jacobian has more than " +
                                                std::to_string(kMaxEntries) + " entries, got " +
                                                std::to_string(boxes));
  }
  // Two bounds of every value and entry, two sides and a number for each input.
  const double of_box =
      8.0 * static_cast<double>(2 * (entries + architecture.m) + 3 * architecture.n);
  if (of_box * static_cast<double>(boxes) > static_cast<double>(memory_limit)) {
    throw Error(
        ErrorCode::kResourceExhausted, "JOB_MEMORY", "certificate_boxes",
        "expected at most " +
            std::to_string(static_cast<std::int64_t>(static_cast<double>(memory_limit) / of_box)) +
            ", which fit into the memory of a job, got " + std::to_string(boxes));
  }
  return boxes;
}

std::vector<Index> ColumnsOf(const v1::Schema& version, const v1::Schema& dataset) {
  std::vector<Index> columns;
  columns.reserve(static_cast<std::size_t>(version.inputs_size()));
  for (const v1::Variable& input : version.inputs()) {
    for (int j = 0; j < dataset.inputs_size(); ++j) {
      if (dataset.inputs(j).name() == input.name()) columns.push_back(j);
    }
  }
  bool same_outputs = version.outputs_size() == dataset.outputs_size();
  for (int i = 0; same_outputs && i < version.outputs_size(); ++i) {
    same_outputs = version.outputs(i).name() == dataset.outputs(i).name();
  }
  if (same_outputs && std::ssize(columns) == version.inputs_size()) return columns;
  throw InvalidArgument("SCHEMA_MISMATCH", "retraining.dataset",
                        "expected a dataset with the inputs and the outputs of the model, got "
                        "other names; choose the one that it was trained on");
}

train::Options ToRetrainingOptions(const Request& request, const nn::Architecture& architecture,
                                   const train::SampleShape& shape, double validation_fraction,
                                   std::size_t memory_limit) {
  const Request::Retraining& retraining = request.retraining();
  CheckRetraining(retraining);
  train::Options options{.hidden = architecture.hidden,
                         .activation = architecture.activation,
                         .skip = architecture.skip,
                         .residual = architecture.residual};
  if (retraining.has_alpha()) options.alpha = retraining.alpha();
  if (retraining.has_beta()) options.beta = retraining.beta();
  options.epochs = 1;
  options.patience = 0;
  options.validation_fraction = validation_fraction;
  if (request.has_seed()) options.seed = request.seed();
  return AboutRetraining([&] {
    train::Options resolved = train::ResolveOptions(options, shape, memory_limit);
    train::RequireLabels(resolved, shape);
    const Index num_training =
        shape.num_samples - train::NumHeldOut(shape.num_samples, validation_fraction);
    const Index in_epoch = train::StepsPerEpoch(resolved, num_training);
    const Index steps = retraining.has_steps() ? retraining.steps() : kDefaultSteps;
    resolved.epochs = std::max<Index>(1, (steps + in_epoch / 2) / in_epoch);
    return resolved;
  });
}

double RetrainingRate(const Request& request, const train::Options& from_scratch) {
  const Request::Retraining& retraining = request.retraining();
  if (retraining.has_learning_rate()) return retraining.learning_rate();
  return kRetrainingShare * *from_scratch.learning_rate;
}

v1::PruningReport::Size SizeOf(const nn::NetworkSurrogate& network, const std::stop_token& stop) {
  const prune::Layers layers(network);
  v1::PruningReport::Size size;
  size.set_inputs(network.n());
  for (const Index width : network.architecture().hidden) {
    size.add_hidden(static_cast<std::int32_t>(width));
  }
  std::int64_t weights = 0;
  for (const Matrix& W : layers.W) weights += (W.array() != 0).count();
  size.set_parameters(prune::NumParameters(layers));
  size.set_value_multiply_adds(weights);
  size.set_jacobian_multiply_adds(prune::JacobianCost(layers));
  size.set_plan_multiply_adds(PlanDerivatives({}, network, stop).cost());
  return size;
}

v1::PruningReport::Deviation ToProto(const prune::Deviation& deviation) {
  v1::PruningReport::Deviation proto;
  proto.set_value(deviation.value);
  proto.set_jacobian(deviation.jacobian);
  return proto;
}

v1::PruningReport::Certificate ToCertificate(const bounds::BoundResult& values,
                                             const bounds::BoundResult& all) {
  v1::PruningReport::Certificate proto;
  for (Index i = 0; i < values.proven.y_lo.size(); ++i) {
    const auto of_value = [i](const bounds::Enclosure& ranges) {
      return Magnitude(ranges.y_lo[i], ranges.y_hi[i]);
    };
    v1::PruningReport::Bound& bound = *proto.add_value();
    bound.set_sampled(std::max(of_value(values.sampled), of_value(all.sampled)));
    bound.set_proved(std::min(of_value(values.proven), of_value(all.proven)));
  }
  // n×m by columns is m×n by rows.
  for (Index k = 0; k < all.proven.J_lo.size(); ++k) {
    const auto of_entry = [k](const bounds::Enclosure& ranges) {
      return Magnitude(ranges.J_lo.data()[k], ranges.J_hi.data()[k]);
    };
    v1::PruningReport::Bound& bound = *proto.add_jacobian();
    bound.set_sampled(of_entry(all.sampled));
    bound.set_proved(of_entry(all.proven));
  }
  proto.set_boxes(values.num_boxes + all.num_boxes);
  proto.set_tight(values.end == bounds::BoundEnd::kTolerance &&
                  all.end == bounds::BoundEnd::kTolerance);
  return proto;
}

}  // namespace sobolev::server
