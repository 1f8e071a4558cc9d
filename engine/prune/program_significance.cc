#include "engine/prune/program_significance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/ad/adjoint.h"
#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/ad/tape.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/program/definition.h"
#include "engine/program/graph.h"
#include "engine/program/op.h"
#include "engine/prune/box.h"
#include "engine/prune/interval_matrix.h"
#include "engine/prune/program_replay.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/spread_sums.h"

namespace sobolev::prune {

namespace {

using I = ad::Interval<double>;
using program::Definition;
using program::Node;
using program::NodeId;
using program::Op;

std::string ElementName(const program::Variable& variable, Index element) {
  std::ostringstream name;
  name << variable.name;
  if (variable.shape.size() == 1) name << '[' << element << ']';
  if (variable.shape.size() == 2) {
    name << '[' << element / variable.shape[1] << ", " << element % variable.shape[1] << ']';
  }
  return name.str();
}

// "log(v2)". Inputs of the first stage have names, those of later stages are the state z.
class VertexText {
 public:
  VertexText(const program::Graph& graph, const std::vector<InputSignificance>* inputs)
      : graph_(graph), inputs_(inputs) {}

  std::string Of(NodeId id) const {
    const Node& node = graph_.node(id);
    std::ostringstream text;
    text << program::Traits(node.op).name << '(';
    const NodeId operands[] = {node.a, node.b, node.c};
    for (int i = 0; i < program::Traits(node.op).arity; ++i) {
      text << (i > 0 ? ", " : "") << Operand(operands[i]);
    }
    text << ')';
    return text.str();
  }

 private:
  std::string Operand(NodeId id) const {
    const Node& node = graph_.node(id);
    std::ostringstream text;
    if (node.op == Op::kConstant) {
      text << graph_.constant(id);
    } else if (node.op == Op::kInput && inputs_ != nullptr && node.a < inputs_->size()) {
      text << (*inputs_)[node.a].name;
    } else if (node.op == Op::kInput) {
      text << "z[" << node.a << ']';
    } else {
      text << 'v' << id;
    }
    return text.str();
  }

  const program::Graph& graph_;
  const std::vector<InputSignificance>* inputs_;
};

void RequireReplayable(const Definition& definition) {
  const auto m = static_cast<Index>(definition.stages.back().outputs.size());
  const Index most = kMaxReplayed / std::max<Index>(1, m);
  Index total = 0;
  for (const program::Stage& stage : definition.stages) {
    const auto nodes = std::max<Index>(1, static_cast<Index>(stage.graph.size()));
    if (stage.repeat <= (most - total) / nodes) {
      total += stage.repeat * nodes;
      continue;
    }
    throw Error(ErrorCode::kResourceExhausted, "PROGRAM_TOO_LONG", "source",
                "expected at most " + std::to_string(most) +
                    " operations with repetitions, because all are kept for each of the " +
                    std::to_string(m) + " outputs; shorten the time loops");
  }
}

template <class T>
std::vector<ad::Adjoint<T>> Variables(ad::Tape<T>& tape, const std::vector<T>& x) {
  std::vector<ad::Adjoint<T>> variables;
  variables.reserve(x.size());
  for (const T& value : x) variables.push_back(tape.Variable(value));
  return variables;
}

class Analysis {
 public:
  Analysis(const Definition& definition, const Box& box, const Pieces& pieces)
      : definition_(definition),
        box_(box),
        pieces_(pieces),
        n_(box.min.size()),
        m_(NumOutputs(definition)) {
    for (const program::Variable& variable : definition.inputs) {
      for (Index e = 0; e < variable.size; ++e) {
        result_.inputs.push_back(
            {.name = ElementName(variable, e), .sigma = {}, .sliced = {}, .sampled = {}});
      }
    }
    ListVertices();
    result_.y = {.lo = Matrix::Constant(m_, 1, ad::directed::kInfinity),
                 .hi = Matrix::Constant(m_, 1, -ad::directed::kInfinity)};
    largest_x_ = Matrix::Zero(n_, m_);
    Index places = 0;
    for (const VertexSignificance& vertex : result_.vertices) places += RepetitionsOf(vertex);
    min_ = Vector::Constant(places, ad::directed::kInfinity);
    max_ = -min_;
    largest_ = Matrix::Zero(places, m_);
    for (Index j = 0; j < n_; ++j) {
      slices_.emplace_back(Matrix::Zero(pieces.counts[static_cast<std::size_t>(j)], m_));
    }
  }

  // Interval sweeps over piece k.
  void Enclose(Index k, const std::stop_token& stop) {
    ad::Tape<I> tape;
    const ad::Tape<I>::Scope scope(tape);
    std::vector<I> box;
    for (Index j = 0; j < n_; ++j) box.emplace_back(pieces_.min(j, k), pieces_.max(j, k));
    const std::vector<ad::Adjoint<I>> x = Variables(tape, box);
    const Replay<ad::Adjoint<I>> replay = ReplayProgram<ad::Adjoint<I>>(definition_, x);
    IncludeValues(replay);
    for (Index o = 0; o < m_; ++o) {
      ThrowIfStopped(stop);
      tape.Reverse(replay.y[static_cast<std::size_t>(o)]);
      for (Index j = 0; j < n_; ++j) {
        const double slope = tape.adjoint(x[static_cast<std::size_t>(j)]).Magnitude();
        largest_x_(j, o) = std::max(largest_x_(j, o), slope);
        double& of_slice = slices_[static_cast<std::size_t>(j)](pieces_.SliceOf(k, j), o);
        of_slice = std::max(of_slice, slope);
      }
      ForEachPlace(replay, [&](Index place, const ad::Adjoint<I>& value) {
        largest_(place, o) = std::max(largest_(place, o), tape.adjoint(value).Magnitude());
      });
    }
  }

  // Reverse sweeps at the columns of X.
  void Sample(const Matrix& X, const std::stop_token& stop) {
    ad::Tape<double> tape;
    const ad::Tape<double>::Scope scope(tape);
    std::optional<SpreadSums> sums;
    for (Index s = 0; s < X.cols(); ++s) {
      if (s % 64 == 0) ThrowIfStopped(stop);
      tape.Clear();
      const std::vector<ad::Adjoint<double>> x =
          Variables(tape, std::vector<double>(X.col(s).begin(), X.col(s).end()));
      const auto replay = ReplayProgram<ad::Adjoint<double>>(definition_, x);
      const Vector values =
          AtPlaces(x, replay, [](const ad::Adjoint<double>& a) { return a.value(); });
      Matrix adjoints(values.size(), m_);
      bool valid = values.allFinite();
      for (Index o = 0; o < m_ && valid; ++o) {
        tape.Reverse(replay.y[static_cast<std::size_t>(o)]);
        adjoints.col(o) =
            AtPlaces(x, replay, [&tape](const ad::Adjoint<double>& a) { return tape.adjoint(a); });
        valid = adjoints.col(o).allFinite();
      }
      if (!valid) {
        ++result_.num_invalid;
        continue;
      }
      if (!sums) sums.emplace(values, m_);
      for (Index o = 0; o < m_; ++o) sums->Add(values, adjoints.col(o), o);
    }
    KeepSampled(sums ? sums->Spread() : Matrix());
  }

  ProgramSignificance Finish() {
    for (Index j = 0; j < n_; ++j) FinishInput(j);
    Index place = 0;
    for (VertexSignificance& vertex : result_.vertices) {
      vertex.sigma = Vector::Zero(m_);
      for (Index step = 0; step < RepetitionsOf(vertex); ++step, ++place) {
        if (min_[place] > max_[place]) continue;
        vertex.min = std::min(vertex.min, min_[place]);
        vertex.max = std::max(vertex.max, max_[place]);
        const double width = I(min_[place], max_[place]).Width();
        vertex.sigma = vertex.sigma.cwiseMax(Times(width, largest_.row(place)));
      }
    }
    return std::move(result_);
  }

 private:
  static Index NumOutputs(const Definition& definition) {
    return static_cast<Index>(definition.stages.back().outputs.size());
  }

  static Vector Times(
      double width,
      const Eigen::Ref<const Eigen::RowVectorXd, 0, Eigen::InnerStride<>>& magnitudes) {
    return magnitudes.transpose().unaryExpr(
        [width](double magnitude) { return ad::directed::MultiplyUp(width, magnitude); });
  }

  void ListVertices() {
    for (std::size_t s = 0; s < definition_.stages.size(); ++s) {
      const program::Stage& stage = definition_.stages[s];
      const std::vector<bool> reached = stage.graph.Reachable(stage.outputs);
      const VertexText text(stage.graph, s == 0 ? &result_.inputs : nullptr);
      for (std::size_t id = 0; id < stage.graph.size(); ++id) {
        const auto node = static_cast<NodeId>(id);
        const Op op = stage.graph.node(node).op;
        if (!reached[id] || op == Op::kInput || op == Op::kConstant) continue;
        result_.vertices.push_back({.stage = s,
                                    .node = node,
                                    .text = text.Of(node),
                                    .min = ad::directed::kInfinity,
                                    .max = -ad::directed::kInfinity,
                                    .sigma = {},
                                    .sampled = {}});
      }
    }
  }

  void IncludeValues(const Replay<ad::Adjoint<I>>& replay) {
    for (Index o = 0; o < m_; ++o) {
      const I& y = replay.y[static_cast<std::size_t>(o)].value();
      if (y.is_empty()) {
        throw FailedPrecondition("NO_VALUE", "box",
                                 "expected a box in which output " + std::to_string(o) +
                                     " has values, got a part in which it has none; keep to the "
                                     "domain of the program's functions");
      }
      result_.y.lo(o, 0) = std::min(result_.y.lo(o, 0), y.lo());
      result_.y.hi(o, 0) = std::max(result_.y.hi(o, 0), y.hi());
    }
    ForEachPlace(replay, [&](Index place, const ad::Adjoint<I>& vertex) {
      const I& value = vertex.value();
      if (value.is_empty()) return;
      min_[place] = std::min(min_[place], value.lo());
      max_[place] = std::max(max_[place], value.hi());
    });
  }

  Index RepetitionsOf(const VertexSignificance& vertex) const {
    return definition_.stages[vertex.stage].repeat;
  }

  // Calls visit(place, value) for every repetition of every vertex.
  template <class Number, class Visit>
  void ForEachPlace(const Replay<Number>& replay, const Visit& visit) const {
    Index place = 0;
    for (const VertexSignificance& vertex : result_.vertices) {
      for (const auto& values : replay.values[vertex.stage]) visit(place++, values[vertex.node]);
    }
  }

  // Of all inputs, then of all vertices, every repetition.
  template <class Number, class Get>
  Vector AtPlaces(const std::vector<Number>& x, const Replay<Number>& replay,
                  const Get& get) const {
    const auto n = static_cast<Index>(x.size());
    Vector numbers(n + min_.size());
    for (Index j = 0; j < n; ++j) numbers[j] = get(x[static_cast<std::size_t>(j)]);
    ForEachPlace(replay,
                 [&](Index place, const Number& value) { numbers[n + place] = get(value); });
    return numbers;
  }

  // No spreads: all points were invalid.
  void KeepSampled(const Matrix& spreads) {
    if (spreads.size() == 0) return;
    Index place = 0;
    for (InputSignificance& input : result_.inputs) input.sampled = spreads.row(place++);
    for (VertexSignificance& vertex : result_.vertices) {
      const Index repeat = RepetitionsOf(vertex);
      vertex.sampled = spreads.middleRows(place, repeat).colwise().maxCoeff();
      place += repeat;
    }
  }

  void FinishInput(Index j) {
    InputSignificance& input = result_.inputs[static_cast<std::size_t>(j)];
    input.sigma = Times(I(box_.min[j], box_.max[j]).Width(), largest_x_.row(j));
    input.sliced = Vector::Zero(m_);
    Index stride = 1;
    for (Index i = 0; i < j; ++i) stride *= pieces_.counts[static_cast<std::size_t>(i)];
    const Matrix& slices = slices_[static_cast<std::size_t>(j)];
    for (Index k = 0; k < slices.rows(); ++k) {
      const I piece(pieces_.min(j, k * stride), pieces_.max(j, k * stride));
      const Vector part = Times(piece.Width(), slices.row(k));
      for (Index o = 0; o < m_; ++o) {
        input.sliced[o] = ad::directed::AddUp(input.sliced[o], part[o]);
      }
    }
  }

  const Definition& definition_;
  const Box& box_;
  const Pieces& pieces_;
  const Index n_;
  const Index m_;
  ProgramSignificance result_;
  Matrix largest_x_;  // n×m: the largest |∂y/∂x|
  // Of every repetition of every vertex, over all pieces: its range, and the largest |∂y/∂v|.
  Vector min_;
  Vector max_;
  Matrix largest_;
  std::vector<Matrix> slices_;  // [j]: pieces of input j × m
};

}  // namespace

ProgramSignificance AnalyzeSignificance(const Definition& definition, const Box& box,
                                        const ProgramSignificanceOptions& options,
                                        const std::stop_token& stop) {
  Index n = 0;
  for (const program::Variable& variable : definition.inputs) n += variable.size;
  RequireBox(box, n);
  RequireReplayable(definition);
  if (options.num_points < 0 || options.num_points > kMaxSampledPoints) {
    throw InvalidArgument("OUT_OF_RANGE", "num_points",
                          "expected 0 to " + std::to_string(kMaxSampledPoints) + ", got " +
                              std::to_string(options.num_points) + "; 1024 is usual");
  }
  const Pieces pieces = Split(box, options.splitting);
  Analysis analysis(definition, box, pieces);
  for (Index k = 0; k < pieces.min.cols(); ++k) {
    ThrowIfStopped(stop);
    analysis.Enclose(k, stop);
  }
  if (options.num_points > 0) {
    analysis.Sample(UniformPoints(box, options.num_points, options.seed), stop);
  }
  return analysis.Finish();
}

}  // namespace sobolev::prune
