// The problems on which differentiation is timed, each written once for any scalar type.
//
// A workload offers Inputs(), a point, and Value(x), which is templated on the scalar: with double
// it is the primal, with an active type it is what that type differentiates. They span what users
// of differentiation bring: (a) one long chain, (b) a handful of operations, (c) and (d) Monte
// Carlo paths, (e) a time loop over a field, (f) a network at the level of scalars, (g) a sparse
// system. Data that is not differentiated is double and stands in the object.
//
// The code is plain: no workload helps or hinders one kind of scalar. A local variable is named T
// and never auto, because an expression template must not outlive its operands.

#ifndef SOBOLEV_TESTS_BENCH_AD_WORKLOADS_H_
#define SOBOLEV_TESTS_BENCH_AD_WORKLOADS_H_

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "engine/base/rng.h"
#include "tests/bench/ad_workloads_finance.h"

namespace sobolev::bench {

// (a) The product of n factors (Speelpenning 1980). At xᵢ = i / (i + 1) it telescopes to
// 1 / (n + 1), and its derivatives are that over xᵢ.
struct Speelpenning {
  static constexpr const char* kName = "a_speelpenning";
  static constexpr int kNumInputs = 1000;

  static std::vector<double> Inputs() {
    std::vector<double> x(kNumInputs);
    for (int i = 0; i < kNumInputs; ++i) x[i] = (i + 1.0) / (i + 2.0);
    return x;
  }

  template <class T>
  T Value(const T* x) const {
    T product = x[0];
    for (int i = 1; i < kNumInputs; ++i) product = product * x[i];
    return product;
  }
};

// (b) The two-variable example of the lecture notes (Griewank and Walther 2008, table 1.1):
// f(1.5, 0.5) = 2.0167. Common subexpressions are written out, as a user would write them.
struct TwoVariables {
  static constexpr const char* kName = "b_two_variables";
  static constexpr int kNumInputs = 2;

  static std::vector<double> Inputs() { return {1.5, 0.5}; }

  template <class T>
  T Value(const T* x) const {
    using std::exp, std::sin;
    return (sin(x[0] / x[1]) + x[0] / x[1] - exp(x[1])) * (x[0] / x[1] - exp(x[1]));
  }
};

// (c) and (d), the Monte Carlo paths, stand in ad_workloads_finance.h.

// (e) Burgers' equation u_t + u u_x = ν u_xx on a ring of 200 points, central differences, 500
// explicit Euler steps; the value is the final energy and the inputs are the initial state. The
// primal is fully vectorised by the compiler (0.03 ns per operation), so that every tape, which
// cannot be, shows a large ratio here. That is honest, and stays.
class Burgers {
 public:
  static constexpr const char* kName = "e_burgers";
  static constexpr int kNumInputs = 200;
  static constexpr int kNumSteps = 500;

  static std::vector<double> Inputs() {
    std::vector<double> x(kNumInputs);
    for (int i = 0; i < kNumInputs; ++i) x[i] = 1 + 0.5 * std::sin(2 * std::numbers::pi * i * kDx);
    return x;
  }

  template <class T>
  T Value(const T* x) const {
    std::array<T, kNumInputs> u;
    std::array<T, kNumInputs> next;
    for (int i = 0; i < kNumInputs; ++i) u[i] = x[i];
    for (int step = 0; step < kNumSteps; step += 2) {
      Step(u, next);
      Step(next, u);
    }
    T energy = 0.0;
    for (int i = 0; i < kNumInputs; ++i) energy += 0.5 * kDx * u[i] * u[i];
    return energy;
  }

  // One step of time: `next` from `u`.
  template <class T>
  static void Step(const std::array<T, kNumInputs>& u, std::array<T, kNumInputs>& next) {
    constexpr int kLast = kNumInputs - 1;
    Update(u[kLast], u[0], u[1], next[0]);
    for (int i = 1; i < kLast; ++i) Update(u[i - 1], u[i], u[i + 1], next[i]);
    Update(u[kLast - 1], u[kLast], u[0], next[kLast]);
  }

 private:
  static constexpr double kDx = 1.0 / kNumInputs;
  static constexpr double kDt = 5e-4;
  static constexpr double kAdvection = kDt / (2 * kDx);
  static constexpr double kDiffusion = 0.01 * kDt / (kDx * kDx);  // ν = 0.01.

  template <class T>
  static void Update(const T& left, const T& centre, const T& right, T& next) {
    next =
        centre - kAdvection * centre * (right - left) + kDiffusion * (right - 2.0 * centre + left);
  }
};

// The network of (f1) and (f2), 20-20-20-20-20-1 with tanh. Parameters per layer: for each unit its
// weights, then its bias.
struct Perceptron {
  static constexpr int kWidth = 20;
  static constexpr int kNumHidden = 4;
  static constexpr int kNumParameters = kNumHidden * kWidth * (kWidth + 1) + kWidth + 1;

  static std::vector<double> Parameters() {
    Rng rng(6);
    std::vector<double> theta(kNumParameters);
    for (double& entry : theta) entry = rng.Normal() / std::sqrt(1.0 * kWidth);
    return theta;
  }

  static std::vector<double> Point() {
    Rng rng(7);
    std::vector<double> x(kWidth);
    for (double& entry : x) entry = rng.Normal();
    return x;
  }

  // P is T when the parameters are differentiated, and double when they are not.
  template <class T, class P>
  static T Forward(const T* x, const P* theta) {
    using std::tanh;
    std::array<T, kWidth> z;
    std::array<T, kWidth> next;
    for (int j = 0; j < kWidth; ++j) z[j] = x[j];
    for (int layer = 0; layer < kNumHidden; ++layer) {
      for (int i = 0; i < kWidth; ++i) {
        next[i] = tanh(Affine(z, theta));
        theta += kWidth + 1;
      }
      for (int i = 0; i < kWidth; ++i) z[i] = next[i];
    }
    return Affine(z, theta);
  }

 private:
  template <class T, class P>
  static T Affine(const std::array<T, kWidth>& z, const P* theta) {
    T sum = theta[kWidth];
    for (int j = 0; j < kWidth; ++j) sum += theta[j] * z[j];
    return sum;
  }
};

// (f1) The derivatives of the network with respect to its inputs.
class PerceptronInputs {
 public:
  static constexpr const char* kName = "f1_mlp_inputs";
  static constexpr int kNumInputs = Perceptron::kWidth;

  static std::vector<double> Inputs() { return Perceptron::Point(); }

  template <class T>
  T Value(const T* x) const {
    return Perceptron::Forward(x, theta_.data());
  }

 private:
  std::vector<double> theta_ = Perceptron::Parameters();
};

// (f2) The derivatives of the network with respect to its inputs and its parameters.
struct PerceptronParameters {
  static constexpr const char* kName = "f2_mlp_parameters";
  static constexpr int kNumInputs = Perceptron::kWidth + Perceptron::kNumParameters;

  static std::vector<double> Inputs() {
    std::vector<double> x = Perceptron::Point();
    const std::vector<double> theta = Perceptron::Parameters();
    x.insert(x.end(), theta.begin(), theta.end());
    return x;
  }

  template <class T>
  T Value(const T* x) const {
    return Perceptron::Forward(x, x + Perceptron::kWidth);
  }
};

// (g) The right-hand side of the Brusselator on 200 points of a line with fixed ends (Hairer and
// Wanner 1996, sec. IV.1): u′ = 1 + u²v − 4u + α u_xx, v′ = 3u − u²v + α v_xx. All u first, then
// all v. Its Jacobian has 1 596 nonzeros.
struct Brusselator {
  static constexpr const char* kName = "g_brusselator";
  static constexpr int kNumPoints = 200;
  static constexpr int kNumInputs = 2 * kNumPoints;
  static constexpr int kNumOutputs = kNumInputs;
  static constexpr int kNumNonzeros = 2 * (4 * kNumPoints - 2);

  // Columns of one colour share no row, so four tangents hold the whole Jacobian. Fewer cannot: a
  // row has four nonzeros.
  static constexpr int kNumColours = 4;
  static constexpr int Colour(int column) {
    return column < kNumPoints ? column % 4 : (column - kNumPoints + 2) % 4;
  }

  // The columns of the nonzeros of `row`, ascending.
  static std::vector<int> Columns(int row) {
    const int i = row % kNumPoints;
    const int block = row - i;
    std::vector<int> columns;
    if (i > 0) columns.push_back(row - 1);
    columns.push_back(row);
    if (i < kNumPoints - 1) columns.push_back(row + 1);
    columns.insert(block == 0 ? columns.end() : columns.begin(), kNumPoints - block + i);
    return columns;
  }

  static std::vector<double> Inputs() {
    std::vector<double> x(kNumInputs, kEndV);
    for (int i = 0; i < kNumPoints; ++i) {
      x[i] = 1 + std::sin(2 * std::numbers::pi * (i + 1) / (kNumPoints + 1));
    }
    return x;
  }

  template <class T>
  void Residual(const T* x, T* f) const {
    const T* u = x;
    const T* v = x + kNumPoints;
    constexpr int kLast = kNumPoints - 1;
    Point(kEndU, u[0], u[1], kEndV, v[0], v[1], f[0], f[kNumPoints]);
    for (int i = 1; i < kLast; ++i) {
      Point(u[i - 1], u[i], u[i + 1], v[i - 1], v[i], v[i + 1], f[i], f[kNumPoints + i]);
    }
    Point(u[kLast - 1], u[kLast], kEndU, v[kLast - 1], v[kLast], kEndV, f[kLast],
          f[kNumPoints + kLast]);
  }

 private:
  static constexpr double kEndU = 1;
  static constexpr double kEndV = 3;
  static constexpr double kCoupling = 0.02 * (kNumPoints + 1) * (kNumPoints + 1);  // α / Δx².

  // L and R are double where the neighbour is an end.
  template <class T, class L, class R>
  static void Point(const L& u_left, const T& u, const R& u_right, const L& v_left, const T& v,
                    const R& v_right, T& f_u, T& f_v) {
    const T reaction = u * u * v;
    f_u = 1.0 + reaction - 4.0 * u + kCoupling * (u_left - 2.0 * u + u_right);
    f_v = 3.0 * u - reaction + kCoupling * (v_left - 2.0 * v + v_right);
  }
};

// Calls visit(workload) for each workload with one output.
template <class Visitor>
void ForEachScalarWorkload(const Visitor& visit) {
  visit(Speelpenning());
  visit(TwoVariables());
  visit(LiborSwaptions());
  visit(AsianBasket());
  visit(Burgers());
  visit(PerceptronInputs());
  visit(PerceptronParameters());
}

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_AD_WORKLOADS_H_
