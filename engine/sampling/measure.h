// How the values of an input are distributed over its range.
//
// A measure lives on [0, 1], the range seen from its lower to its upper end. Equal steps of the
// unit coordinate u have equal probability: t = F⁻¹(u), so that points that are uniform in u follow
// the measure in t.

#ifndef SOBOLEV_ENGINE_SAMPLING_MEASURE_H_
#define SOBOLEV_ENGINE_SAMPLING_MEASURE_H_

#include <string>
#include <variant>
#include <vector>

namespace sobolev::sampling {

// Parameters are in units of the axis of the input: x, or ln x on a logarithmic scale (where a
// normal measure is log-normal in x).
struct UniformMeasure {};
struct NormalMeasure {  // Truncated to the range.
  double mean = 0;
  double standard_deviation = 1;
};
struct TriangularMeasure {
  double mode = 0;
};
struct BetaMeasure {  // Proportional to t^(alpha − 1) (1 − t)^(beta − 1).
  double alpha = 1;
  double beta = 1;
};
struct PiecewiseLinearMeasure {
  // Ascending, the first and the last at the ends of the range.
  std::vector<double> positions;
  std::vector<double> densities;  // >= 0 at those, not all 0; of any sum.
};
using MeasureSpec = std::variant<UniformMeasure, NormalMeasure, TriangularMeasure, BetaMeasure,
                                 PiecewiseLinearMeasure>;

// Thread-safe: never changes.
class Measure {
 public:
  // Of an axis from `low` to `high` > `low`. Throws Error(kInvalidArgument) naming a parameter,
  // such as field + ".standard_deviation", that is not finite or out of range, and of normal
  // measures of which nothing is left within the range.
  Measure(const MeasureSpec& spec, double low, double high, const std::string& field);

  // F: the probability of [0, t]. Exact at 0 and 1.
  double Probability(double t) const;
  // F⁻¹, the other way round. Exact at 0 and 1.
  double Quantile(double u) const;
  // F′. It may be 0 or infinite at the ends.
  double Density(double t) const;

 private:
  struct Normal {
    double low = 0;  // Of the range, in standard deviations from the mean; low <= −high.
    double high = 0;
    bool is_mirrored = false;  // So that probabilities are small numbers rather than near 1.
    double below = 0;          // Φ(low)
    double mass = 0;           // Φ(high) − Φ(low)
  };
  struct Beta {
    double alpha = 0;
    double beta = 0;
    double log_scale = 0;  // −ln B(α, β)
  };
  struct Pieces {
    std::vector<double> t;
    std::vector<double> density;  // Of integral 1.
    std::vector<double> before;   // F(t)
  };

  static Normal MakeNormal(const NormalMeasure& spec, double low, double high,
                           const std::string& field);
  static Pieces MakePieces(const std::vector<double>& t, std::vector<double> density);

  double Solve(double u) const;

  std::variant<std::monostate, Normal, Beta, Pieces> form_;  // monostate: uniform.
};

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_MEASURE_H_
