#include "engine/prune/program_significance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
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
#include "engine/prune/program_sweep.h"
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

// Operations of one replay, with repetitions.
Index RequireReplayable(const Definition& definition) {
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
  return total;
}

class Analysis {
 public:
  Analysis(const Definition& definition, const Box& box, const Pieces& pieces)
      : definition_(definition),
        box_(box),
        pieces_(pieces),
        vertices_(VerticesOf(definition)),
        n_(box.min.size()),
        m_(static_cast<Index>(definition.stages.back().outputs.size())) {
    for (const program::Variable& variable : definition.inputs) {
      for (Index e = 0; e < variable.size; ++e) {
        result_.inputs.push_back(
            {.name = ElementName(variable, e), .sigma = {}, .sliced = {}, .sampled = {}});
      }
    }
    ListVertices();
    for (Index j = 0; j < n_; ++j) {
      slices_.emplace_back(Matrix::Zero(pieces.counts[static_cast<std::size_t>(j)], m_));
    }
  }

  // Over the pieces of the grid.
  void Enclose(const std::stop_token& stop) {
    std::optional<ProgramBounds> all;
    for (Index k = 0; k < pieces_.min.cols(); ++k) {
      ProgramBounds piece = SweepProgram(
          definition_, vertices_, {.min = pieces_.min.col(k), .max = pieces_.max.col(k)}, stop);
      RequireValues(piece);
      for (Index j = 0; j < n_; ++j) {
        auto of_slice = slices_[static_cast<std::size_t>(j)].row(pieces_.SliceOf(k, j));
        of_slice = of_slice.cwiseMax(piece.slopes.row(j));
      }
      if (all) {
        all->HullWith(piece);
      } else {
        all = std::move(piece);
      }
    }
    result_.y = all->y;
    for (Index j = 0; j < n_; ++j) KeepInput(j, all->slopes.row(j));
    KeepVertices(*all);
    if (pieces_.min.cols() == 1) whole_ = std::move(all);
  }

  // Over halves of the whole box. A replay has so many operations.
  void Subdivide(Index max_boxes, Index operations, const std::stop_token& stop) {
    const Index most = std::max<Index>(1, kMaxSwept / ((1 + m_) * operations));
    if (!whole_) whole_ = SweepProgram(definition_, vertices_, box_, stop);
    const std::vector<Vector> sigmas = SignificanceOf(SweepHalves(
        definition_, vertices_, box_, std::min(max_boxes, most), *std::move(whole_), stop));
    for (std::size_t k = 0; k < sigmas.size(); ++k) {
      VertexSignificance& vertex = result_.vertices[k];
      vertex.subdivided = sigmas[k].cwiseMin(vertex.sigma);
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
      std::vector<ad::Adjoint<double>> x;
      x.reserve(static_cast<std::size_t>(n_));
      for (const double value : X.col(s)) x.push_back(tape.Variable(value));
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

  ProgramSignificance Finish() { return std::move(result_); }

 private:
  static Vector Times(
      double width,
      const Eigen::Ref<const Eigen::RowVectorXd, 0, Eigen::InnerStride<>>& magnitudes) {
    return magnitudes.transpose().unaryExpr(
        [width](double magnitude) { return ad::directed::MultiplyUp(width, magnitude); });
  }

  void ListVertices() {
    for (const Vertex& vertex : vertices_) {
      const VertexText text(definition_.stages[vertex.stage].graph,
                            vertex.stage == 0 ? &result_.inputs : nullptr);
      result_.vertices.push_back({.stage = vertex.stage,
                                  .node = vertex.node,
                                  .text = text.Of(vertex.node),
                                  .min = ad::directed::kInfinity,
                                  .max = -ad::directed::kInfinity,
                                  .sigma = {},
                                  .subdivided = {},
                                  .sampled = {}});
    }
  }

  void RequireValues(const ProgramBounds& piece) const {
    for (Index o = 0; o < m_; ++o) {
      if (piece.y.lo(o, 0) <= piece.y.hi(o, 0)) continue;
      throw FailedPrecondition("NO_VALUE", "box",
                               "expected a box in which output " + std::to_string(o) +
                                   " has values, got a part in which it has none; keep to the "
                                   "domain of the program's functions");
    }
  }

  // [vertex], m: the worst of its repetitions.
  std::vector<Vector> SignificanceOf(const ProgramBounds& bounds) const {
    std::vector<Vector> sigmas;
    sigmas.reserve(vertices_.size());
    Index place = 0;
    for (const Vertex& vertex : vertices_) {
      Vector sigma = Vector::Zero(m_);
      for (Index step = 0; step < vertex.repeat; ++step, ++place) {
        const double width = bounds.values.At(place, 0).Width();
        if (width == 0) continue;  // Whatever the derivative.
        sigma = sigma.cwiseMax(Times(width, bounds.adjoints.row(place)));
      }
      sigmas.push_back(std::move(sigma));
    }
    return sigmas;
  }

  void KeepVertices(const ProgramBounds& bounds) {
    const std::vector<Vector> sigmas = SignificanceOf(bounds);
    Index place = 0;
    for (std::size_t k = 0; k < vertices_.size(); ++k) {
      VertexSignificance& vertex = result_.vertices[k];
      vertex.sigma = sigmas[k];
      vertex.min = bounds.values.lo.middleRows(place, vertices_[k].repeat).minCoeff();
      vertex.max = bounds.values.hi.middleRows(place, vertices_[k].repeat).maxCoeff();
      place += vertices_[k].repeat;
    }
  }

  // Of all inputs, then of all vertices, every repetition.
  template <class Number, class Get>
  Vector AtPlaces(const std::vector<Number>& x, const Replay<Number>& replay,
                  const Get& get) const {
    Vector numbers(n_ + NumPlaces(vertices_));
    for (Index j = 0; j < n_; ++j) numbers[j] = get(x[static_cast<std::size_t>(j)]);
    ForEachPlace(vertices_, replay,
                 [&](Index place, const Number& value) { numbers[n_ + place] = get(value); });
    return numbers;
  }

  // No spreads: all points were invalid.
  void KeepSampled(const Matrix& spreads) {
    if (spreads.size() == 0) return;
    Index place = 0;
    for (InputSignificance& input : result_.inputs) input.sampled = spreads.row(place++);
    for (std::size_t k = 0; k < vertices_.size(); ++k) {
      const Index repeat = vertices_[k].repeat;
      result_.vertices[k].sampled = spreads.middleRows(place, repeat).colwise().maxCoeff();
      place += repeat;
    }
  }

  void KeepInput(
      Index j,
      const Eigen::Ref<const Eigen::RowVectorXd, 0, Eigen::InnerStride<>>& largest_slopes) {
    InputSignificance& input = result_.inputs[static_cast<std::size_t>(j)];
    input.sigma = Times(I(box_.min[j], box_.max[j]).Width(), largest_slopes);
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
  const std::vector<Vertex> vertices_;
  const Index n_;
  const Index m_;
  ProgramSignificance result_;
  std::optional<ProgramBounds> whole_;  // Of the box, once it was swept in one piece.
  std::vector<Matrix> slices_;          // [j]: the largest |∂y/∂x_j|, pieces of input j × m
};

}  // namespace

ProgramSignificance AnalyzeSignificance(const Definition& definition, const Box& box,
                                        const ProgramSignificanceOptions& options,
                                        const std::stop_token& stop) {
  Index n = 0;
  for (const program::Variable& variable : definition.inputs) n += variable.size;
  RequireBox(box, n);
  const Index operations = RequireReplayable(definition);
  if (options.num_points < 0 || options.num_points > kMaxSampledPoints) {
    throw InvalidArgument("OUT_OF_RANGE", "num_points",
                          "expected 0 to " + std::to_string(kMaxSampledPoints) + ", got " +
                              std::to_string(options.num_points) + "; 1024 is usual");
  }
  const Pieces pieces = Split(box, options.splitting);
  Analysis analysis(definition, box, pieces);
  analysis.Enclose(stop);
  if (options.max_boxes > 0) analysis.Subdivide(options.max_boxes, operations, stop);
  if (options.num_points > 0) {
    analysis.Sample(UniformPoints(box, options.num_points, options.seed), stop);
  }
  return analysis.Finish();
}

}  // namespace sobolev::prune
