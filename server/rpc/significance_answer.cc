#include "server/rpc/significance_answer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/input_significance.h"
#include "engine/bounds/unit_significance.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/network_surrogate.h"
#include "engine/program/definition.h"
#include "engine/prune/box.h"
#include "engine/prune/program_significance.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/significance.h"
#include "server/convert/tensor.h"
#include "server/rpc/boxed_function.h"

namespace sobolev::server {
namespace {

using Response = v1::AnalyzeSignificanceResponse;

constexpr Index kUsualBoxes = 100;
constexpr Index kRelaxationSamples = 256;
constexpr Index kUsualSamples = 1024;
constexpr Index kMaxSamples = 1'000'000;
constexpr Index kUsualVertices = 1000;
constexpr Index kMaxVertices = 100'000;
// Of a reply, 32 MiB; and of what is kept for the pieces of a grid.
constexpr Index kMaxReplyNumbers = Index{1} << 22;
constexpr Index kMaxGridNumbers = Index{1} << 24;

struct Options {
  prune::Splitting splitting;
  Index max_boxes = 0;
  Index num_points = 0;  // 0: none.
  std::uint64_t seed = 1;
  Index max_vertices = 0;
};

std::string Field(const char* list, int k, const char* member) {
  std::string field = list;
  field += '[' + std::to_string(k) + ']';
  field += member;
  return field;
}

void RequireGrid(const prune::Splitting& splitting, Index n, Index m, const std::string& field) {
  Index boxes = 1;
  for (const Index count : splitting.counts) {
    if (count > prune::kMaxPieces / boxes) boxes = prune::kMaxPieces + 1;
    if (boxes <= prune::kMaxPieces) boxes *= count;
  }
  const Index slices = std::accumulate(splitting.counts.begin(), splitting.counts.end(), Index{0});
  const Index most = std::min(prune::kMaxPieces, kMaxGridNumbers / n);
  if (boxes <= most && slices <= kMaxGridNumbers / m) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected at most " + std::to_string(most) + " boxes in all and " +
                            std::to_string(kMaxGridNumbers / m) +
                            " pieces; cut fewer inputs or less often");
}

prune::Splitting ToSplitting(const v1::AnalyzeSignificanceRequest& request,
                             const BoxedFunction& function) {
  prune::Splitting splitting;
  const std::vector<std::string> inputs = NamesOf(function.part.schema.inputs());
  splitting.counts.assign(inputs.size(), 1);
  splitting.geometric.assign(inputs.size(), false);
  std::vector<bool> is_cut(inputs.size(), false);
  for (int k = 0; k < request.cuts_size(); ++k) {
    const v1::AnalyzeSignificanceRequest::Cut& cut = request.cuts(k);
    const Index j = PositionOf(cut.input(), inputs, Field("cuts", k, ".input"));
    const auto place = static_cast<std::size_t>(j);
    if (is_cut[place]) {
      throw InvalidArgument("DUPLICATE_NAME", Field("cuts", k, ".input"),
                            "expected each input once, got \"" + cut.input() + "\" twice");
    }
    is_cut[place] = true;
    RequireRange(Field("cuts", k, ".pieces"), cut.pieces(), 1,
                 static_cast<double>(prune::kMaxPieces));
    if (cut.geometric() && !(function.box.lo(j) > 0)) {
      throw InvalidArgument("NOT_POSITIVE", Field("cuts", k, ".geometric"),
                            "expected a range of positive numbers, got one from " +
                                Text(function.box.lo(j)) + "; cut it in equal lengths");
    }
    splitting.counts[place] = cut.pieces();
    splitting.geometric[place] = cut.geometric();
    RequireGrid(splitting, function.surrogate().n(), function.surrogate().m(),
                Field("cuts", k, ".pieces"));
  }
  return splitting;
}

Options ToOptions(const v1::AnalyzeSignificanceRequest& request, const BoxedFunction& function) {
  const Surrogate& surrogate = function.surrogate();
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  const std::optional<std::int64_t> max_boxes =
      request.has_max_boxes() ? std::optional(request.max_boxes()) : std::nullopt;
  Options options{.splitting = ToSplitting(request, function),
                  .max_boxes = ToMaxBoxes(max_boxes, kUsualBoxes, surrogate, true)};
  if (request.has_seed()) options.seed = request.seed();
  const Index most_samples = std::min(kMaxSamples, prune::kMaxSampledNumbers / n / m);
  options.num_points = std::min(kUsualSamples, most_samples);
  if (request.has_sample_count()) {
    options.num_points = request.sample_count();
    RequireRange("sample_count", request.sample_count(), 2,
                 static_cast<double>(std::max<Index>(2, most_samples)));
  }
  if (most_samples < 2) options.num_points = 0;
  const Index most_vertices = std::min(kMaxVertices, kMaxReplyNumbers / (2 * m));
  options.max_vertices = std::min(kUsualVertices, most_vertices);
  if (request.has_max_vertices()) {
    options.max_vertices = request.max_vertices();
    RequireRange("max_vertices", request.max_vertices(), 0, static_cast<double>(most_vertices));
  }
  return options;
}

template <class Numbers>
void Assign(const Numbers& numbers, google::protobuf::RepeatedField<double>& field) {
  field.Reserve(static_cast<int>(numbers.size()));
  for (const double number : numbers) field.Add(number);
}

// Of rows by columns, in this order.
void SetRows(const Matrix& numbers, v1::Tensor& tensor) {
  const Matrix transposed = numbers.transpose();
  SetTensor({numbers.rows(), numbers.cols()}, transposed.data(), v1::Tensor::DATA_TYPE_FLOAT64,
            tensor);
}

void SetVector(const Vector& numbers, v1::Tensor& tensor) {
  SetTensor({numbers.size()}, numbers.data(), v1::Tensor::DATA_TYPE_FLOAT64, tensor);
}

void AddValues(const Matrix& lo, const Matrix& hi, Response& response) {
  ToProto({.lo = lo.reshaped(), .hi = hi.reshaped()}, *response.mutable_values());
}

// One analysis, of whatever kind the function is.
class Analysis {
 public:
  Analysis(const BoxedFunction& function, const Options& options, const std::stop_token& stop,
           Response& response)
      : function_(function),
        surrogate_(function.surrogate()),
        box_{.min = function.box.lo, .max = function.box.hi},
        options_(options),
        stop_(stop),
        response_(response) {
    for (const std::string& name : NamesOf(function.part.schema.inputs())) {
      response_.add_inputs()->set_name(name);
    }
  }

  void Run(bool edges) {
    if (surrogate_.kind() == SurrogateKind::kNetwork) {
      AnalyzeNetwork(dynamic_cast<const nn::NetworkSurrogate&>(surrogate_), edges);
    } else if (surrogate_.kind() == SurrogateKind::kProgram) {
      AnalyzeProgram(dynamic_cast<const chain::ProgramSurrogate&>(surrogate_).source());
    }
    AnalyzeInputs();
    if (options_.num_points > 0) SampleInputs();
  }

 private:
  bool HasNaturalIntervals() const {
    return surrogate_.kind() == SurrogateKind::kNetwork ||
           surrogate_.kind() == SurrogateKind::kProgram;
  }

  void AnalyzeNetwork(const nn::NetworkSurrogate& network, bool edges) {
    const prune::NetworkSignificance significance = prune::AnalyzeSignificance(
        network, box_, {.splitting = options_.splitting, .edges = edges}, stop_);
    for (Index j = 0; j < network.n(); ++j) {
      Response::Input& input = *response_.mutable_inputs(static_cast<int>(j));
      Assign(significance.inputs.row(j), *input.mutable_sigma());
      Assign(significance.sliced_inputs.row(j), *input.mutable_sliced_sigma());
    }
    for (std::size_t l = 0; l < significance.hidden.size(); ++l) {
      Response::Layer& layer = *response_.add_layers();
      SetVector(significance.values[l].lo.reshaped(), *layer.mutable_value_min());
      SetVector(significance.values[l].hi.reshaped(), *layer.mutable_value_max());
      SetRows(significance.hidden[l], *layer.mutable_sigma());
    }
    AddValues(significance.y.lo, significance.y.hi, response_);
    for (const std::vector<Matrix>& of_outputs : significance.edges) {
      AddEdges(of_outputs, *response_.add_edges());
    }
    if (!WhyNotEnclosable(function_, true)) {
      const std::vector<Matrix> relaxed =
          bounds::UnitSignificance(network, function_.box, options_.max_boxes, stop_);
      for (std::size_t l = 0; l < relaxed.size(); ++l) {
        v1::Tensor& sigma = *response_.mutable_layers(static_cast<int>(l))->mutable_relaxed_sigma();
        SetRows(relaxed[l], sigma);
      }
    }
    if (options_.num_points == 0) return;
    const prune::SampledSignificance sampled = prune::SampleSignificance(
        network, box_, {.num_points = options_.num_points, .seed = options_.seed}, stop_);
    for (std::size_t l = 0; l < sampled.hidden.size(); ++l) {
      Response::Layer& layer = *response_.mutable_layers(static_cast<int>(l));
      SetRows(sampled.hidden[l], *layer.mutable_sampled());
      SetRows(sampled.taylor[l], *layer.mutable_taylor());
    }
  }

  // A matrix per output.
  static void AddEdges(const std::vector<Matrix>& of_outputs, v1::Tensor& tensor) {
    const Index rows = of_outputs.front().rows();
    const Index columns = of_outputs.front().cols();
    const auto m = static_cast<Index>(of_outputs.size());
    double* const elements = PrepareTensor({m, rows, columns}, tensor);
    for (Index i = 0; i < m; ++i) {
      const Matrix by_rows = of_outputs[static_cast<std::size_t>(i)].transpose();
      std::ranges::copy(by_rows.reshaped(), elements + i * rows * columns);
    }
  }

  void AnalyzeProgram(const std::string& source) {
    const program::Definition definition = program::Parse(source, chain::AcceptedSourceLimits());
    const prune::ProgramSignificance significance =
        prune::AnalyzeSignificance(definition, box_,
                                   {.splitting = options_.splitting,
                                    .max_boxes = options_.max_boxes,
                                    .num_points = options_.num_points,
                                    .seed = options_.seed},
                                   stop_);
    for (int j = 0; j < response_.inputs_size(); ++j) {
      const prune::InputSignificance& of_input = significance.inputs[static_cast<std::size_t>(j)];
      Assign(of_input.sigma, *response_.mutable_inputs(j)->mutable_sigma());
      Assign(of_input.sliced, *response_.mutable_inputs(j)->mutable_sliced_sigma());
    }
    AddValues(significance.y.lo, significance.y.hi, response_);
    response_.set_vertex_count(static_cast<std::int64_t>(significance.vertices.size()));
    for (const std::size_t place : LargestVertices(significance)) {
      const prune::VertexSignificance& vertex = significance.vertices[place];
      Response::Vertex& added = *response_.add_vertices();
      added.set_name("v" + std::to_string(vertex.node));
      added.set_operation(vertex.text);
      added.set_stage(static_cast<std::int32_t>(vertex.stage));
      added.mutable_range()->set_min(vertex.min);
      added.mutable_range()->set_max(vertex.max);
      Assign(vertex.sigma, *added.mutable_sigma());
      Assign(vertex.subdivided, *added.mutable_relaxed_sigma());
      Assign(vertex.sampled, *added.mutable_sampled());
    }
  }

  // Their positions, ascending.
  std::vector<std::size_t> LargestVertices(const prune::ProgramSignificance& significance) const {
    const Vector widths = (significance.y.hi - significance.y.lo).reshaped();
    const auto score = [&](std::size_t place) {
      const Vector& sigma = significance.vertices[place].sigma;
      double largest = 0;
      for (Index i = 0; i < sigma.size(); ++i) {
        const bool has_scale = std::isfinite(widths(i)) && widths(i) > 0;
        largest = std::max(largest, has_scale ? sigma(i) / widths(i) : sigma(i));
      }
      return largest;
    };
    std::vector<std::pair<double, std::size_t>> order;
    order.reserve(significance.vertices.size());
    for (std::size_t k = 0; k < significance.vertices.size(); ++k) {
      order.emplace_back(-score(k), k);
    }
    std::ranges::sort(order);
    order.resize(std::min(order.size(), static_cast<std::size_t>(options_.max_vertices)));
    std::vector<std::size_t> places;
    places.reserve(order.size());
    for (const auto& [negative_score, place] : order) places.push_back(place);
    std::ranges::sort(places);
    return places;
  }

  // By relaxations, of every kind; and by one enclosure where there are no natural intervals.
  void AnalyzeInputs() {
    if (WhyNotEnclosable(function_, true)) return;
    const std::unique_ptr<const bounds::Encloser> encloser =
        bounds::MakeEncloser(surrogate_, bounds::Effort::kThorough);
    if (!HasNaturalIntervals()) {
      const bounds::Enclosure whole = encloser->Enclose(function_.box, true);
      SetInputs(bounds::InputSignificance(function_.box, whole), &Response::Input::mutable_sigma);
      AddValues(whole.y_lo, whole.y_hi, response_);
    }
    const bounds::BoundResult bound = bounds::Bound(
        *encloser, function_.box,
        {.max_boxes = options_.max_boxes, .num_samples = kRelaxationSamples, .seed = options_.seed},
        stop_);
    ThrowIfStopped(stop_);
    SetInputs(bounds::InputSignificance(function_.box, bound.proven),
              &Response::Input::mutable_relaxed_sigma);
  }

  void SampleInputs() {
    const prune::SampledInputs sampled = prune::SampleInputs(
        surrogate_, box_, {.num_points = options_.num_points, .seed = options_.seed}, stop_);
    response_.set_invalid_sample_count(sampled.num_invalid);
    if (sampled.significance.size() == 0) return;
    SetInputs(sampled.significance, &Response::Input::mutable_sampled);
    SetInputs(sampled.total_sobol, &Response::Input::mutable_total_sobol_bound);
  }

  using Get = google::protobuf::RepeatedField<double>* (Response::Input::*)();
  void SetInputs(const Matrix& numbers, Get get) {
    for (int j = 0; j < response_.inputs_size(); ++j) {
      Assign(numbers.row(j), *(response_.mutable_inputs(j)->*get)());
    }
  }

  const BoxedFunction& function_;
  const Surrogate& surrogate_;
  const prune::Box box_;
  const Options& options_;
  const std::stop_token& stop_;
  Response& response_;
};

void RequireSupported(const v1::AnalyzeSignificanceRequest& request,
                      const BoxedFunction& function) {
  const Surrogate& surrogate = function.surrogate();
  const SurrogateKind kind = surrogate.kind();
  if (request.edges() && kind != SurrogateKind::kNetwork) {
    throw FailedPrecondition("NO_NETWORK", "edges",
                             "expected a network, got \"" + function.name() +
                                 "\", which has no weights between units; ask without edges");
  }
  if (kind == SurrogateKind::kNetwork) {
    const auto& network = dynamic_cast<const nn::NetworkSurrogate&>(surrogate);
    const std::vector<Index>& hidden = network.architecture().hidden;
    const Index units = std::accumulate(hidden.begin(), hidden.end(), Index{0});
    const Index edges = request.edges() ? network.NumParameters() * network.m() : 0;
    if (units * (3 * network.m() + 2) + edges <= kMaxReplyNumbers) return;
    throw FailedPrecondition("REPLY_TOO_LARGE", request.edges() ? "edges" : function.field,
                             "expected a network whose units and weights have at most " +
                                 std::to_string(kMaxReplyNumbers) +
                                 " numbers, got more; ask without edges or prune the model");
  }
  if (kind == SurrogateKind::kProgram) return;
  if (request.cuts_size() > 0) {
    throw FailedPrecondition("NO_NATURAL_INTERVALS", "cuts",
                             "expected a network or a program, got \"" + function.name() +
                                 "\"; ask without cuts, relaxed_sigma is by subdivision");
  }
  if (const std::optional<Error> why = WhyNotEnclosable(function, true)) throw Error(*why);
}

}  // namespace

void AnswerSignificance(const v1::AnalyzeSignificanceRequest& request, ModelRegistry& models,
                        Store& store, v1::AnalyzeSignificanceResponse& response,
                        const std::stop_token& stop) {
  const BoxedFunction function = FindBoxedFunction(request, models, store);
  const Options options = ToOptions(request, function);
  RequireSupported(request, function);
  response.set_function(function.name());
  ToProto(function.box, *response.mutable_box());
  for (const std::string& name : NamesOf(function.part.schema.outputs())) {
    response.add_outputs(name);
  }
  InBackground([&] { Analysis(function, options, stop, response).Run(request.edges()); });
}

}  // namespace sobolev::server
