// Preaccumulation: a section of the tape is replaced by its local Jacobian.
//
// A section with few inputs and outputs but many statements between them, such as an inner
// iteration, needs on the tape no more than one statement per output whose arguments are the
// inputs. That saves memory and every later sweep's time, for as many small sweeps now as there
// are outputs.
//
//   Preaccumulation<double> section(tape);
//   Adjoint<double> y = ...;                 // any computation
//   section.Finish({&y});
//
// The inputs are found by themselves: whatever was recorded before the section. Variables of the
// section other than the outputs must not be used afterwards. Without Finish the section stays on
// the tape as it was recorded.

#ifndef SOBOLEV_ENGINE_AD_PREACCUMULATION_H_
#define SOBOLEV_ENGINE_AD_PREACCUMULATION_H_

#include <algorithm>
#include <initializer_list>
#include <span>
#include <vector>

#include "engine/ad/adjoint.h"
#include "engine/ad/tape.h"

namespace sobolev::ad {

template <class T>
class Preaccumulation {
 public:
  // The section begins. The tape must be the active one and outlive this.
  explicit Preaccumulation(Tape<T>& tape) : tape_(tape), begin_(tape.position()) {}

  // The section ends: its outputs become results of one statement each, and the rest is forgotten.
  // Adjoints of what was recorded before do not change.
  void Finish(std::initializer_list<Adjoint<T>*> outputs) {
    Finish(std::span(outputs.begin(), outputs.size()));
  }
  void Finish(std::span<Adjoint<T>* const> outputs);

 private:
  std::vector<Slot> Inputs() const;

  Tape<T>& tape_;
  typename Tape<T>::Position begin_;
};

template <class T>
void Preaccumulation<T>::Finish(std::span<Adjoint<T>* const> outputs) {
  const std::vector<Slot> inputs = Inputs();
  if (tape_.num_adjoints_ <= tape_.num_statements_) tape_.ExtendAdjoints();
  T* const adjoints = tape_.adjoints_.data();
  std::vector<T> saved(inputs.size());
  for (std::size_t j = 0; j < inputs.size(); ++j) saved[j] = adjoints[inputs[j]];

  // A row of the local Jacobian per output, by a sweep that touches only this section.
  std::vector<std::vector<T>> rows;
  for (const Adjoint<T>* y : outputs) {
    std::vector<T>& row = rows.emplace_back(inputs.size());
    if (y->slot() <= begin_.statements) continue;  // Made before the section, or constant.
    std::fill(adjoints + begin_.statements + 1, adjoints + tape_.num_statements_ + 1, T(0.0));
    for (const Slot input : inputs) adjoints[input] = T(0.0);
    tape_.Seed(*y, T(1.0));
    tape_.Reverse(begin_);
    for (std::size_t j = 0; j < inputs.size(); ++j) row[j] = adjoints[inputs[j]];
  }
  for (std::size_t j = 0; j < inputs.size(); ++j) adjoints[inputs[j]] = saved[j];

  tape_.RewindTo(begin_);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Adjoint<T>& y = *outputs[i];
    if (y.slot() <= begin_.statements) continue;
    std::vector<Slot> arguments = inputs;
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      if (IsZero(rows[i][j])) arguments[j] = 0;
    }
    y = Adjoint<T>(y.value(), tape_.RecordSum(rows[i], arguments));
  }
}

// The slots before the section that it reads, each once, ascending.
template <class T>
std::vector<Slot> Preaccumulation<T>::Inputs() const {
  const Slot* const slots = tape_.slots_.data();
  std::vector<Slot> inputs(slots + begin_.arguments, slots + tape_.num_arguments_);
  for (std::size_t e = begin_.externals; e < tape_.externals_.size(); ++e) {
    const auto& external = tape_.externals_[e].inputs;
    inputs.insert(inputs.end(), external.begin(), external.end());
  }
  const std::size_t first = begin_.statements + 1;
  if (first <= tape_.num_statements_ && tape_.IsChained(first)) {
    inputs.push_back(static_cast<Slot>(begin_.statements));
  }
  std::erase_if(inputs, [&](Slot slot) { return slot == 0 || slot > begin_.statements; });
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  return inputs;
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_PREACCUMULATION_H_
