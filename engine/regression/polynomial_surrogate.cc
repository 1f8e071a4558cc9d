#include "engine/regression/polynomial_surrogate.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/regression/legendre.h"
#include "engine/regression/polynomial_system.h"
#include "engine/regression/terms.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/dense_surrogate.h"

namespace sobolev::regression {

namespace {

constexpr Index kMaxTerms = 1 << 24;
constexpr Index kMaxDegree = 1 << 10;

}  // namespace

PolynomialSurrogate::PolynomialSurrogate(AffineMaps maps, Box box, std::vector<Part> parts)
    : DenseSurrogate(std::move(maps)), box_(std::move(box)), parts_(std::move(parts)) {
  const Index r = this->maps().r();
  RequireSize("box.centre", box_.centre.size(), r);
  RequireSize("box.scale", box_.scale.size(), r);
  std::vector<Index> seen(static_cast<std::size_t>(m()), 0);
  degree_.assign(static_cast<std::size_t>(r), 0);
  for (const Part& part : parts_) {
    RequireSize("C rows", part.C.rows(), static_cast<Index>(part.terms.size()));
    RequireSize("C columns", part.C.cols(), static_cast<Index>(part.outputs.size()));
    for (const Index output : part.outputs) {
      if (output < 0 || output >= m() || seen[static_cast<std::size_t>(output)]++ > 0) {
        throw InvalidArgument("OUT_OF_RANGE", "outputs", "expected every output in one part");
      }
    }
    for (const Term& term : part.terms) {
      max_factors_ = std::max(max_factors_, term.size());
      std::int32_t before = -1;
      for (const Factor& factor : term) {
        if (factor.axis <= before || factor.axis >= r || factor.degree < 1) {
          throw InvalidArgument("OUT_OF_RANGE", "terms",
                                "expected ascending axes and degrees >= 1");
        }
        before = factor.axis;
        Index& degree = degree_[static_cast<std::size_t>(factor.axis)];
        degree = std::max<Index>(degree, factor.degree);
      }
    }
  }
  if (std::find(seen.begin(), seen.end(), 0) != seen.end()) {
    throw InvalidArgument("OUT_OF_RANGE", "outputs", "expected every output in one part");
  }
  start_.reserve(degree_.size());
  for (const Index degree : degree_) {
    start_.push_back(table_size_);
    table_size_ += 3 * (degree + 1);
  }
}

Index PolynomialSurrogate::NumParameters() const {
  Index count = 0;
  for (const Part& part : parts_) count += part.C.size();
  return count;
}

std::size_t PolynomialSurrogate::SizeBytes() const {
  std::size_t size = sizeof(PolynomialSurrogate) + maps().SizeBytes();
  for (const Part& part : parts_) {
    size += static_cast<std::size_t>(part.C.size()) * sizeof(double) +
            part.outputs.size() * sizeof(Index);
    for (const Term& term : part.terms) size += sizeof(Term) + term.size() * sizeof(Factor);
  }
  return size;
}

DenseSurrogate::PointCost PolynomialSurrogate::CostOfPoint() const {
  PointCost cost{.value = 3 * static_cast<double>(table_size_)};
  cost.gradient = cost.value;
  cost.hessian = cost.value;
  cost.pair = cost.value;
  for (const Part& part : parts_) {
    const auto outputs = static_cast<double>(part.outputs.size());
    for (const Term& term : part.terms) {
      const auto factors = static_cast<double>(term.size());
      cost.value += factors + outputs;
      cost.gradient += (1 + factors) * (2 + outputs);
      cost.hessian += factors * factors * (factors + 1) * outputs;
      cost.pair += 12 * factors + outputs;
    }
  }
  return cost;
}

Index PolynomialSurrogate::EvaluationWorkspace() const {
  return kLanes * (table_size_ + static_cast<Index>(2 * max_factors_ + 2) + kMostDirections);
}

void PolynomialSurrogate::FillTables(const double* x_hat, double* tables) const {
  std::array<double, kLanes> t;
  for (std::size_t j = 0; j < degree_.size(); ++j) {
    const auto axis = static_cast<Index>(j);
    const double scale = box_.scale(axis);
    for (Index lane = 0; lane < kLanes; ++lane) {
      t[static_cast<std::size_t>(lane)] = (x_hat[axis * kLanes + lane] - box_.centre(axis)) * scale;
    }
    const Index size = (degree_[j] + 1) * kLanes;
    double* const value = tables + start_[j] * kLanes;
    EvaluateLegendre<kLanes>(t.data(), degree_[j], value, value + size, value + 2 * size);
    for (Index k = 0; k < size; ++k) {
      value[size + k] *= scale;
      value[2 * size + k] *= scale * scale;
    }
  }
}

const double* PolynomialSurrogate::Table(const double* tables, const Factor& factor,
                                         Index order) const {
  const auto axis = static_cast<std::size_t>(factor.axis);
  return tables + (start_[axis] + order * (degree_[axis] + 1) + factor.degree) * kLanes;
}

void PolynomialSurrogate::Evaluate(const double* x_hat, double* y_hat, double* gradients,
                                   double* workspace) const {
  double* const tables = workspace;
  double* const prefix = tables + table_size_ * kLanes;  // [f] the product of factors below f.
  double* const suffix = prefix + static_cast<Index>(max_factors_ + 1) * kLanes;
  FillTables(x_hat, tables);
  const Index r = maps().r();
  std::fill_n(y_hat, m() * kLanes, 0.0);
  if (gradients != nullptr) std::fill_n(gradients, m() * r * kLanes, 0.0);

  for (const Part& part : parts_) {
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    for (std::size_t p = 0; p < part.terms.size(); ++p) {
      const Term& term = part.terms[p];
      const auto num_factors = static_cast<Index>(term.size());
      std::fill_n(prefix, kLanes, 1.0);
      for (Index f = 0; f < num_factors; ++f) {
        const double* const value = Table(tables, term[static_cast<std::size_t>(f)], 0);
        for (Index lane = 0; lane < kLanes; ++lane) {
          prefix[(f + 1) * kLanes + lane] = prefix[f * kLanes + lane] * value[lane];
        }
      }
      const double* const product = prefix + num_factors * kLanes;
      for (Index o = 0; o < num_outputs; ++o) {
        const double c = part.C(static_cast<Index>(p), o);
        double* const y = y_hat + part.outputs[static_cast<std::size_t>(o)] * kLanes;
        for (Index lane = 0; lane < kLanes; ++lane) y[lane] += c * product[lane];
      }
      if (gradients == nullptr) continue;
      std::fill_n(suffix, kLanes, 1.0);
      for (Index f = num_factors - 1; f >= 0; --f) {
        const Factor& factor = term[static_cast<std::size_t>(f)];
        const double* const value = Table(tables, factor, 0);
        const double* const first = Table(tables, factor, 1);
        std::array<double, kLanes> partial;
        for (Index lane = 0; lane < kLanes; ++lane) {
          partial[static_cast<std::size_t>(lane)] =
              prefix[f * kLanes + lane] * suffix[lane] * first[lane];
          suffix[lane] *= value[lane];
        }
        for (Index o = 0; o < num_outputs; ++o) {
          const double c = part.C(static_cast<Index>(p), o);
          double* const g =
              gradients + (part.outputs[static_cast<std::size_t>(o)] * r + factor.axis) * kLanes;
          for (Index lane = 0; lane < kLanes; ++lane) {
            g[lane] += c * partial[static_cast<std::size_t>(lane)];
          }
        }
      }
    }
  }
}

void PolynomialSurrogate::EvaluateHessian(Index output, const double* x_hat, double* hessian,
                                          double* workspace) const {
  FillTables(x_hat, workspace);
  const Index r = maps().r();
  std::fill_n(hessian, r * r * kLanes, 0.0);
  for (const Part& part : parts_) {
    const auto place = std::find(part.outputs.begin(), part.outputs.end(), output);
    if (place == part.outputs.end()) continue;
    const auto o = static_cast<Index>(place - part.outputs.begin());
    for (std::size_t p = 0; p < part.terms.size(); ++p) {
      const Term& term = part.terms[p];
      const double c = part.C(static_cast<Index>(p), o);
      for (std::size_t a = 0; a < term.size(); ++a) {
        for (std::size_t b = 0; b <= a; ++b) {
          std::array<double, kLanes> product;
          product.fill(c);
          for (std::size_t f = 0; f < term.size(); ++f) {
            const double* const table =
                Table(workspace, term[f], (f == a ? 1 : 0) + (f == b ? 1 : 0));
            for (std::size_t lane = 0; lane < product.size(); ++lane) product[lane] *= table[lane];
          }
          double* const lower = hessian + (term[a].axis * r + term[b].axis) * kLanes;
          double* const upper = hessian + (term[b].axis * r + term[a].axis) * kLanes;
          for (std::size_t lane = 0; lane < product.size(); ++lane) {
            lower[lane] += product[lane];
            if (a != b) upper[lane] += product[lane];
          }
        }
      }
    }
  }
}

// The steps of Evaluate for the gradient of a term, and their tangents.
void PolynomialSurrogate::EvaluateSecondAdjoints(const DirectionPairs& pairs, const double* x_hat,
                                                 double* products, double* workspace) const {
  using Lane = std::array<double, kLanes>;
  double* const tables = workspace;
  double* const prefix = tables + table_size_ * kLanes;
  double* const prefix_dot = prefix + static_cast<Index>(max_factors_ + 1) * kLanes;
  double* const weights = prefix_dot + static_cast<Index>(max_factors_ + 1) * kLanes;
  FillTables(x_hat, tables);
  const Index r = maps().r();
  const Index p = pairs.num_tangents;
  const Index q = pairs.num_adjoints;
  std::fill_n(products, q * p * r * kLanes, 0.0);

  for (const Part& part : parts_) {
    for (std::size_t number = 0; number < part.terms.size(); ++number) {
      const Term& term = part.terms[number];
      const auto num_factors = static_cast<Index>(term.size());
      std::fill_n(weights, q * kLanes, 0.0);
      for (std::size_t o = 0; o < part.outputs.size(); ++o) {
        const double c = part.C(static_cast<Index>(number), static_cast<Index>(o));
        for (Index i = 0; i < q; ++i) {
          const double* const y_bar = pairs.Y_bar + (i * m() + part.outputs[o]) * kLanes;
          for (Index lane = 0; lane < kLanes; ++lane) weights[i * kLanes + lane] += c * y_bar[lane];
        }
      }
      for (Index k = 0; k < p; ++k) {
        const double* const x_dot = pairs.X_dot + k * r * kLanes;
        std::fill_n(prefix, kLanes, 1.0);
        std::fill_n(prefix_dot, kLanes, 0.0);
        for (Index f = 0; f < num_factors; ++f) {
          const Factor& factor = term[static_cast<std::size_t>(f)];
          const double* const value = Table(tables, factor, 0);
          const double* const first = Table(tables, factor, 1);
          const double* const along = x_dot + factor.axis * kLanes;
          for (Index at = f * kLanes, lane = 0; lane < kLanes; ++at, ++lane) {
            prefix[at + kLanes] = prefix[at] * value[lane];
            prefix_dot[at + kLanes] =
                prefix_dot[at] * value[lane] + prefix[at] * first[lane] * along[lane];
          }
        }
        Lane suffix;
        Lane suffix_dot{};
        suffix.fill(1);
        for (Index f = num_factors - 1; f >= 0; --f) {
          const Factor& factor = term[static_cast<std::size_t>(f)];
          const double* const value = Table(tables, factor, 0);
          const double* const first = Table(tables, factor, 1);
          const double* const second = Table(tables, factor, 2);
          const double* const along = x_dot + factor.axis * kLanes;
          Lane partial_dot;
          for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const double before = prefix[static_cast<std::size_t>(f * kLanes) + lane];
            const double before_dot = prefix_dot[static_cast<std::size_t>(f * kLanes) + lane];
            partial_dot[lane] =
                (before_dot * suffix[lane] + before * suffix_dot[lane]) * first[lane] +
                before * suffix[lane] * second[lane] * along[lane];
            suffix_dot[lane] =
                suffix_dot[lane] * value[lane] + suffix[lane] * first[lane] * along[lane];
            suffix[lane] *= value[lane];
          }
          for (Index i = 0; i < q; ++i) {
            double* const product = products + ((i * p + k) * r + factor.axis) * kLanes;
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
              product[lane] +=
                  weights[static_cast<std::size_t>(i * kLanes) + lane] * partial_dot[lane];
            }
          }
        }
      }
    }
  }
}

void PolynomialSurrogate::Save(ByteWriter& writer) const {
  maps().Save(writer);
  writer.WriteVector(box_.centre);
  writer.WriteVector(box_.scale);
  writer.Write(static_cast<std::int64_t>(parts_.size()));
  for (const Part& part : parts_) {
    writer.Write(static_cast<std::int64_t>(part.outputs.size()));
    for (const Index output : part.outputs) writer.Write(static_cast<std::int64_t>(output));
    writer.Write(static_cast<std::int64_t>(part.terms.size()));
    for (const Term& term : part.terms) {
      writer.Write(static_cast<std::int64_t>(term.size()));
      for (const Factor& factor : term) {
        writer.Write(static_cast<std::int64_t>(factor.axis));
        writer.Write(static_cast<std::int64_t>(factor.degree));
      }
    }
    writer.WriteAll(std::span(part.C.data(), static_cast<std::size_t>(part.C.size())));
  }
}

std::unique_ptr<PolynomialSurrogate> PolynomialSurrogate::Load(ByteReader& reader) {
  AffineMaps maps = AffineMaps::Load(reader);
  const Index r = maps.r();
  Box box{.centre = reader.ReadVector(r), .scale = reader.ReadVector(r)};
  std::vector<Part> parts(static_cast<std::size_t>(reader.ReadInt(1, maps.m())));
  for (Part& part : parts) {
    part.outputs.resize(static_cast<std::size_t>(reader.ReadInt(1, maps.m())));
    for (Index& output : part.outputs) output = reader.ReadInt(0, maps.m() - 1);
    const Index num_terms = reader.ReadInt(0, kMaxTerms);
    for (Index p = 0; p < num_terms; ++p) {
      Term term(static_cast<std::size_t>(reader.ReadInt(0, r)));
      for (Factor& factor : term) {
        factor.axis = static_cast<std::int32_t>(reader.ReadInt(0, r - 1));
        factor.degree = static_cast<std::int32_t>(reader.ReadInt(1, kMaxDegree));
      }
      part.terms.push_back(std::move(term));
    }
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    const auto elements = reader.ReadAll<double>(static_cast<std::size_t>(num_terms * num_outputs));
    part.C = ConstMatrixMap(elements.data(), num_terms, num_outputs);
  }
  return std::make_unique<PolynomialSurrogate>(std::move(maps), std::move(box), std::move(parts));
}

}  // namespace sobolev::regression
