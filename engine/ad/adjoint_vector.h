// Several adjoint vectors at once: one walk over the tape for N seeds.
//
// A Jacobian of q outputs takes q reverse sweeps. Sweeping N of them together reads every partial
// and every slot once instead of N times, and the N multiplications of an argument fill vector
// registers. The adjoints live here and not on the tape, which stays as it was:
//
//   AdjointVector<double, 8> bars(tape);
//   for (int i = 0; i < 8; ++i) bars.Seed(y[i], i, 1.0);
//   bars.Reverse();
//   bars.adjoint(x[j], i);                          // ∂yᵢ/∂xⱼ
//
// Not thread-safe by itself, but several threads may each sweep their own AdjointVector over one
// tape that no one changes, unless it holds external functions that are not thread-safe.

#ifndef SOBOLEV_ENGINE_AD_ADJOINT_VECTOR_H_
#define SOBOLEV_ENGINE_AD_ADJOINT_VECTOR_H_

#include <cassert>
#include <cstddef>
#include <span>
#include <vector>

#include "engine/ad/adjoint.h"
#include "engine/ad/tangent.h"
#include "engine/ad/tape.h"

namespace sobolev::ad {

template <class T, int N>
class AdjointVector {
 public:
  // All adjoints zero. The tape must outlive this.
  explicit AdjointVector(const Tape<T>& tape) : tape_(tape) { ZeroAdjoints(); }

  // Adds y_bar to the adjoint of y in one lane.
  void Seed(const Adjoint<T>& y, int lane, const T& y_bar) {
    assert(y.slot() < adjoints_.size() && "recorded after ZeroAdjoints, or elsewhere");
    if (y.slot() == 0) return;
    T& adjoint = adjoints_[y.slot()][lane];
    adjoint = adjoint + y_bar;
  }

  // The adjoint of x in one lane. Zero for constants.
  T adjoint(const Adjoint<T>& x, int lane) const {
    assert(x.slot() < adjoints_.size() && "recorded after ZeroAdjoints, or elsewhere");
    return x.slot() == 0 ? T(0.0) : adjoints_[x.slot()][lane];
  }

  // Sets all adjoints of the tape as it is now to zero.
  void ZeroAdjoints() { adjoints_.assign(tape_.num_statements_ + 1, Lanes{}); }

  // Propagates all lanes over the whole tape.
  void Reverse();

 private:
  using Lanes = Directions<T, N>;

  void Sweep(std::size_t from, std::size_t to, std::size_t arguments);
  void SweepExternal(const typename Tape<T>::External& external);

  const Tape<T>& tape_;
  std::vector<Lanes> adjoints_;  // By slot.
};

template <class T, int N>
void AdjointVector<T, N>::Reverse() {
  assert(adjoints_.size() == tape_.num_statements_ + 1 && "the tape changed: ZeroAdjoints first");
  std::size_t statements = tape_.num_statements_;
  std::size_t arguments = tape_.num_arguments_;
  for (std::size_t e = tape_.externals_.size(); e > 0; --e) {
    const auto& external = tape_.externals_[e - 1];
    Sweep(statements, external.position.statements + external.num_outputs, arguments);
    SweepExternal(external);
    statements = external.position.statements;
    arguments = external.position.arguments;
  }
  Sweep(statements, 0, arguments);
}

template <class T, int N>
void AdjointVector<T, N>::Sweep(std::size_t from, std::size_t to, std::size_t arguments) {
  const T* const partials = tape_.partials_.data();
  const Slot* const slots = tape_.slots_.data();
  std::size_t k = arguments;
  for (std::size_t i = from; i > to; --i) {
    std::size_t left = tape_.StoredArguments(i);
    const Lanes bar = adjoints_[i];
    if (IsZero(bar)) {
      k -= left;
      continue;
    }
    const bool is_finite = IsFinite(bar);
    for (; left > 0; --left) {
      --k;
      Lanes& argument = adjoints_[slots[k]];
      // Lanes that are zero meet infinite partials of others, and the reverse.
      if (is_finite && IsFinite(partials[k])) [[likely]] {
        argument = argument + bar * partials[k];
      } else {
        argument = argument + SafeProduct(bar, partials[k]);
      }
    }
    if (tape_.IsChained(i)) adjoints_[i - 1] = adjoints_[i - 1] + bar;
  }
}

template <class T, int N>
void AdjointVector<T, N>::SweepExternal(const typename Tape<T>::External& external) {
  std::vector<T> y_bar(external.num_outputs);
  std::vector<T> x_bar(external.inputs.size());
  for (int lane = 0; lane < N; ++lane) {
    for (std::size_t i = 0; i < y_bar.size(); ++i) {
      y_bar[i] = adjoints_[external.position.statements + 1 + i][lane];
    }
    tape_.CallExternal(external, y_bar, x_bar);
    for (std::size_t i = 0; i < x_bar.size(); ++i) {
      T& adjoint = adjoints_[external.inputs[i]][lane];
      if (external.inputs[i] != 0) adjoint = adjoint + x_bar[i];
    }
  }
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_ADJOINT_VECTOR_H_
