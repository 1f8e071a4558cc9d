#include "engine/train/composed_samples.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <sstream>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/train/composition.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
// Numbers of the directions of all labels; several copies are made of them.
constexpr double kMaxNumbers = 5e7;

// Labels per sample of a set, at most.
struct Counts {
  explicit Counts(const SampleSet& samples) {
    for (const SampleBlock& block : samples.blocks) {
      jacobian = jacobian || block.jacobian != nullptr;
      weight = weight || block.weight != nullptr;
      y_variance = y_variance || block.y_variance != nullptr;
      jacobian_variance = jacobian_variance || block.jacobian_variance != nullptr;
      tangents = std::max(tangents, block.num_tangents);
      adjoints = std::max(adjoints, block.num_adjoints);
      hvps = std::max(hvps, block.num_hvps);
    }
  }

  bool jacobian = false;
  bool weight = false;
  bool y_variance = false;
  bool jacobian_variance = false;
  Index tangents = 0;
  Index adjoints = 0;
  Index hvps = 0;
};

[[noreturn]] void ThrowOutOfBounds(const OutputMapping& output, double y, Index number) {
  std::ostringstream text;
  text << "expected values of output '" << output.name << "'";
  if (output.lower || output.logarithmic) text << " above " << output.lower.value_or(0);
  if (output.lower && output.upper) text << " and";
  if (output.upper) text << " below " << *output.upper;
  text << ", got " << y << " in sample " << number
       << "; remove the sample, widen the bounds, or drop them if values have noise";
  throw FailedPrecondition("OUT_OF_BOUNDS", "spec.output_maps", text.str());
}

}  // namespace

// Appends one transformed sample after the other.
class ComposedSamples::Writer {
 public:
  Writer(const SampleSet& samples, const Composition& composition,
         const CompositionOptions& options, Numbers& numbers)
      : features_(composition.features),
        maps_(composition.outputs),
        options_(options),
        counts_(samples),
        diagonal_(features_.Diagonal()),
        n_(features_.n()),
        m_(samples.m),
        r_(features_.r()),
        phi_(r_),
        slope_(static_cast<Index>(features_.gradient_entries().size())),
        second_(static_cast<Index>(features_.hessian_entries().size())),
        g_(static_cast<std::size_t>(m_)),
        out_(numbers) {}

  // Room for the labels that samples have in great numbers.
  void Reserve(std::size_t rows) {
    const auto reserve = [rows](std::vector<double>& column, Index width) {
      column.reserve(rows * static_cast<std::size_t>(width));
    };
    const Index tangents = NumTangents();
    reserve(out_.x, r_);
    reserve(out_.y, m_);
    reserve(out_.jacobian, counts_.jacobian && diagonal_ ? m_ * n_ : 0);
    reserve(out_.tangents, tangents * r_);
    reserve(out_.jvp, tangents * m_);
  }

  Index NumTangents() const {
    if (diagonal_) return counts_.tangents;
    return (counts_.jacobian ? n_ : 0) + counts_.tangents + counts_.adjoints * n_;
  }

  void Add(Index number, const Sample& sample) {
    features_.Evaluate(sample.x, phi_.data(), slope_.data(), second_.data());
    out_.x.insert(out_.x.end(), phi_.begin(), phi_.end());
    AddValues(number, sample);
    if (counts_.weight) out_.weight.push_back(sample.weight);
    if (diagonal_) {
      AddJacobian(sample);
    } else {
      AddJacobianAsTangents(sample);
    }
    for (Index k = 0; k < counts_.tangents; ++k) AddTangent(sample, k);
    for (Index k = 0; k < counts_.adjoints; ++k) {
      if (diagonal_) {
        AddAdjoint(sample, k);
      } else {
        AddAdjointAsTangents(sample, k);
      }
    }
    for (Index k = 0; k < counts_.hvps && diagonal_; ++k) AddCurvature(sample, k);
  }

  SampleSet View(Index rows) const {
    const auto data = [](const std::vector<double>& numbers) {
      return numbers.empty() ? nullptr : numbers.data();
    };
    return {.n = r_,
            .m = m_,
            .blocks = {{.rows = rows,
                        .num_tangents = NumTangents(),
                        .num_adjoints = diagonal_ ? counts_.adjoints : 0,
                        .num_hvps = diagonal_ ? counts_.hvps : 0,
                        .x = data(out_.x),
                        .y = data(out_.y),
                        .jacobian = data(out_.jacobian),
                        .weight = data(out_.weight),
                        .tangents = data(out_.tangents),
                        .jvp = data(out_.jvp),
                        .adjoints = data(out_.adjoints),
                        .vjp = data(out_.vjp),
                        .hvp_adjoints = data(out_.hvp_adjoints),
                        .hvp_tangents = data(out_.hvp_tangents),
                        .hvp = data(out_.hvp),
                        .y_variance = data(out_.y_variance),
                        .jacobian_variance = data(out_.jacobian_variance)}}};
  }

 private:
  const ScalarJet& G(Index i) const { return g_[static_cast<std::size_t>(i)]; }

  // u and g at u; of curved outputs without value both are missing.
  void AddValues(Index number, const Sample& sample) {
    for (Index i = 0; i < m_; ++i) {
      const auto output = static_cast<std::size_t>(i);
      const OutputMap& map = maps_[output];
      const double y = sample.y == nullptr ? kMissing : sample.y[i];
      const double u = map.Inverse(y);
      if (std::isnan(u) && !std::isnan(y)) ThrowOutOfBounds(options_.outputs[output], y, number);
      g_[output] = map.Evaluate(u);
      out_.y.push_back(u);
      if (counts_.y_variance) {
        const double slope = G(i).first;
        out_.y_variance.push_back(
            sample.y_variance == nullptr ? kMissing : sample.y_variance[i] / (slope * slope));
      }
    }
  }

  double Entry(const Sample& sample, Index i, Index j) const {
    return sample.jacobian == nullptr ? kMissing : sample.jacobian[i * n_ + j];
  }

  void AddJacobian(const Sample& sample) {
    for (Index i = 0; i < m_ && counts_.jacobian; ++i) {
      for (Index j = 0; j < n_; ++j) {
        const double slope = G(i).first * slope_[j];
        out_.jacobian.push_back(Entry(sample, i, j) / slope);
        if (!counts_.jacobian_variance) continue;
        const double* const variance = sample.jacobian_variance;
        out_.jacobian_variance.push_back(
            variance == nullptr ? kMissing : variance[i * n_ + j] / (slope * slope));
      }
    }
  }

  void AddJacobianAsTangents(const Sample& sample) {
    for (Index j = 0; j < n_ && counts_.jacobian; ++j) {
      AppendDirection(j);
      for (Index i = 0; i < m_; ++i) out_.jvp.push_back(Entry(sample, i, j) / G(i).first);
    }
  }

  // φ′e_j.
  void AppendDirection(Index j) {
    const std::size_t start = out_.tangents.size();
    out_.tangents.resize(start + static_cast<std::size_t>(r_), 0);
    const double* slope = slope_.data();
    for (const FeatureMap::GradientEntry& entry : features_.gradient_entries()) {
      if (entry.input == j) {
        out_.tangents[start + static_cast<std::size_t>(entry.feature)] += *slope;
      }
      ++slope;
    }
  }

  void AddTangent(const Sample& sample, Index k) {
    const std::size_t start = out_.tangents.size();
    out_.tangents.resize(start + static_cast<std::size_t>(r_), 0);
    const bool known = k < sample.num_tangents;
    const double* slope = slope_.data();
    for (const FeatureMap::GradientEntry& entry : features_.gradient_entries()) {
      if (!known) break;
      out_.tangents[start + static_cast<std::size_t>(entry.feature)] +=
          *slope++ * sample.tangents[k * n_ + entry.input];
    }
    for (Index i = 0; i < m_; ++i) {
      out_.jvp.push_back(known ? sample.jvp[k * m_ + i] / G(i).first : kMissing);
    }
  }

  // g′ȳ; all 0, and so dropped, if it is not known.
  Vector SeedOf(const double* y_bar) const {
    Vector seed = Vector::Zero(m_);
    for (Index i = 0; i < m_; ++i) {
      if (y_bar[i] != 0) seed[i] = y_bar[i] * G(i).first;
    }
    if (seed.hasNaN()) seed.setZero();
    return seed;
  }

  void AddAdjoint(const Sample& sample, Index k) {
    const bool known = k < sample.num_adjoints;
    const Vector seed = known ? SeedOf(sample.adjoints + k * m_) : Vector::Zero(m_);
    out_.adjoints.insert(out_.adjoints.end(), seed.begin(), seed.end());
    for (Index j = 0; j < n_; ++j) {
      out_.vjp.push_back(known ? sample.vjp[k * n_ + j] / slope_[j] : kMissing);
    }
  }

  void AddAdjointAsTangents(const Sample& sample, Index k) {
    const bool known = k < sample.num_adjoints;
    const Vector seed = known ? SeedOf(sample.adjoints + k * m_) : Vector::Zero(m_);
    const bool single = (seed.array() != 0).count() == 1;
    for (Index j = 0; j < n_; ++j) {
      AppendDirection(j);
      for (Index i = 0; i < m_; ++i) {
        const bool of_output = single && seed[i] != 0;
        out_.jvp.push_back(of_output ? sample.vjp[k * n_ + j] / seed[i] : kMissing);
      }
    }
  }

  // From Σ ȳ_i ∇²y_i v, with c = g⁻¹(y) as a function of φ:
  //   Σ ū_i ∇²c_i (φ′v) = [h − Σ ȳ_i g″_i ∇u_i (∇u_i·v) − Σ ū_i (∂c_i/∂φ) φ″ v]/φ′,  ū_i = ȳ_i
  //   g′_i.
  void AddCurvature(const Sample& sample, Index k) {
    const auto append = [](const Vector& numbers, std::vector<double>& column) {
      column.insert(column.end(), numbers.begin(), numbers.end());
    };
    if (k >= sample.num_hvps) {
      append(Vector::Zero(m_), out_.hvp_adjoints);
      append(Vector::Zero(n_), out_.hvp_tangents);
      append(Vector::Constant(n_, kMissing), out_.hvp);
      return;
    }
    const Vector ones = Vector::Ones(m_);
    const double* const y_bar =
        sample.hvp_adjoints == nullptr ? ones.data() : sample.hvp_adjoints + k * m_;
    const Vector seed = SeedOf(y_bar);
    const Eigen::Map<const Vector> v(sample.hvp_tangents + k * n_, n_);
    Vector h = Eigen::Map<const Vector>(sample.hvp + k * n_, n_);
    for (Index i = 0; i < m_; ++i) {
      if (seed[i] == 0) continue;
      Vector gradient(n_);  // ∇u_i
      for (Index j = 0; j < n_; ++j) gradient[j] = Entry(sample, i, j) / G(i).first;
      if (G(i).second != 0) h -= (y_bar[i] * G(i).second * gradient.dot(v)) * gradient;
      const double* second = second_.data();
      for (const FeatureMap::HessianEntry& entry : features_.hessian_entries()) {
        const Index j = entry.row;
        const double bend = *second++ * v[j];
        if (bend != 0) h[j] -= seed[i] * gradient[j] / slope_[j] * bend;
      }
    }
    append(seed, out_.hvp_adjoints);
    append(slope_.cwiseProduct(v), out_.hvp_tangents);
    append(h.cwiseQuotient(slope_), out_.hvp);
  }

  const FeatureMap& features_;
  const std::vector<OutputMap>& maps_;
  const CompositionOptions& options_;
  const Counts counts_;
  const bool diagonal_;
  const Index n_;
  const Index m_;
  const Index r_;
  // Of the sample being added: φ, its derivatives in order of the entries, g.
  Vector phi_;
  Vector slope_;
  Vector second_;
  std::vector<ScalarJet> g_;
  Numbers& out_;
};

ComposedSamples::ComposedSamples(const SampleSet& samples, std::span<const std::uint32_t> numbers,
                                 const Composition& composition, const CompositionOptions& options,
                                 const std::stop_token& stop) {
  Writer writer(samples, composition, options, numbers_);
  const auto count = static_cast<double>(numbers.size());
  const auto directions = static_cast<double>(writer.NumTangents() * composition.features.r());
  if (count * directions > kMaxNumbers) {
    std::ostringstream text;
    text << "expected labels with at most " << kMaxNumbers << " numbers, got " << count * directions
         << " of " << count << " samples with " << composition.features.r()
         << " features; lower spec.feature_degree or use fewer samples";
    throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "spec.feature_degree", text.str());
  }
  writer.Reserve(numbers.size());
  std::size_t next = 0;
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    if (next == numbers.size() || number != static_cast<Index>(numbers[next])) return;
    ++next;
    writer.Add(number, sample);
  });
  view_ = writer.View(static_cast<Index>(numbers.size()));
}

}  // namespace sobolev::train
