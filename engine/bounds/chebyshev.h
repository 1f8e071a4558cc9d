// Polynomials of degree up to 3 in the inputs of a box, e ∈ [−1, 1]ⁿ, as forms (affine_form.h) in
// products of Chebyshev polynomials: T_1(e) = e, T_2(e) = 2e² − 1, T_3(e) = 4e³ − 3e. These are
// within [−1, 1] just as symbols are. The rows of a form are first that of 1, then those of e_j, of
// products of two, j <= k, and of three, i <= j <= k, each in lexicographic order, where equal
// indices stand for T_2 and T_3; symbols may follow.

#ifndef SOBOLEV_ENGINE_BOUNDS_CHEBYSHEV_H_
#define SOBOLEV_ENGINE_BOUNDS_CHEBYSHEV_H_

#include <array>
#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"

namespace sobolev::bounds {

// A function within c_0 + c_1 t + c_2 t² + c_3 t³ ± error.
struct Cubic {
  std::array<double, 4> c{};
  double error = 0;
};

class ChebyshevBasis {
 public:
  explicit ChebyshevBasis(Index n);

  Index n() const { return n_; }
  // Rows of the degrees up to that one.
  Index Size(int degree) const { return size_[static_cast<std::size_t>(degree)]; }

  // What the parts of a polynomial are at most, without its constant.
  struct Sizes {
    double linear = 0;
    double quadratic = 0;
    double cubic = 0;
    double symbols = 0;
    double remainder = 0;
    double linear_squared = 0;  // The square of the linear part, without its constant.
  };
  // Of a quantity of a form of degree 3.
  Sizes SizesOf(const AffineForm& form, Index q) const;
  // How far p(t) is from what Apply makes of it, at most.
  static double RemainderOf(const Cubic& p, const Sizes& t, int degree);
  // p_q(t_q) up to `degree`, where t_q is the quantity q of a form of degree 3 without its
  // constant. Symbols are kept by degree 3.
  AffineForm Apply(const std::vector<Cubic>& p, const AffineForm& form,
                   const std::vector<Sizes>& sizes, int degree) const;

  // φ′∘ā, of degree 2 all of them.
  AdjointForm Multiply(const SlopeForm& slope, const AdjointForm& adjoints) const;

  // Bounds of quantities of degree 2 or 3.
  Ranges RangesOf(const AffineForm& form) const;
  // Narrows [lo, hi] of adjoints of degree 2.
  void Tighten(AdjointForm& adjoints) const;
  // Adds by how much less the terms of degree 2 and 3 add up to in half the box, by the input that
  // is halved.
  void AddGains(const AffineForm& form, Vector& gains) const;

 private:
  struct Range {
    double lo;
    double hi;
  };
  Range RangeOf(const double* coefficients, Index rows, double r) const;
  // Adds c L², and returns its constant.
  double AddSquare(const double* linear, double c, double* quadratic) const;
  // Adds L Q to a form of degree 3.
  void AddProduct(const double* linear, const double* quadratic, double* form) const;

  Index n_;
  std::array<Index, 4> size_{};
  std::vector<Index> squares_;  // The row of T_2(e_j).
  // Of e_i times the k-th product of two, at i·n(n+1)/2 + k: the row of the cubic term, its factor,
  // and, if that is ½, the row of the linear term that takes the other half, else row 0.
  std::vector<Index> products_;
  std::vector<double> factors_;
  std::vector<Index> lower_;
  Matrix gains_;  // n×rows: 1 − 2^−d for degree d in an input.
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_CHEBYSHEV_H_
