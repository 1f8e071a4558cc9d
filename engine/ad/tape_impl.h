// The bodies of Tape<T>. Included by tape.h only.

#ifndef SOBOLEV_ENGINE_AD_TAPE_IMPL_H_
#define SOBOLEV_ENGINE_AD_TAPE_IMPL_H_

#include "engine/ad/tape.h"  // For readers and tools; the guards make it a no-op.

namespace sobolev::ad {

template <class T>
SOBOLEV_INLINE Adjoint<T> Tape<T>::Variable(const T& value) {
  return Adjoint<T>(value, RecordLeaf());
}

template <class T>
SOBOLEV_INLINE Slot Tape<T>::RecordLeaf() {
  if (counts_.capacity() < capacity_ + num_leaves_ + 2) [[unlikely]]
    Grow(1);
  ++num_leaves_;
  counts_.data()[++num_statements_] = Count{0};
  return static_cast<Slot>(num_statements_);
}

template <class T>
Slot Tape<T>::RecordSum(std::span<const T> partials, std::span<const Slot> slots) {
  assert(partials.size() == slots.size());
  Slot sum = 0;  // Of the terms so far. A long sum becomes a chain of statements.
  for (std::size_t next = 0; next < slots.size();) {
    if (capacity_ - num_arguments_ < kMaxArguments) Grow(kMaxArguments);
    T* const partial = partials_.data() + num_arguments_;
    Recorder recorder{partial, slots_.data() + num_arguments_, 0};
    recorder.Push(T(1.0), sum);
    const std::size_t end = std::min(slots.size(), next + kMaxArguments - 1);
    for (; next < end; ++next) recorder.Push(partials[next], slots[next]);
    const auto count = static_cast<std::size_t>(recorder.partial - partial);
    if (count == 0) continue;
    num_arguments_ += count;
    counts_.data()[++num_statements_] = static_cast<Count>(count);
    sum = static_cast<Slot>(num_statements_);
  }
  return sum;
}

template <class T>
void Tape<T>::Grow(std::size_t arguments) {
  if (this == &no_tape) ThrowNoActiveTape();
  constexpr std::size_t kFirst = 1024;
  const std::size_t needed = num_arguments_ + arguments;
  const std::size_t capacity =
      needed <= capacity_ ? capacity_ : std::max({kFirst, needed, 2 * capacity_});
  const std::size_t leaves = std::max(kFirst, 2 * num_leaves_);
  if (capacity + leaves > kMaxCapacity) ThrowTapeFull();
  partials_.Reserve(capacity);
  slots_.Reserve(capacity);
  counts_.Reserve(capacity + leaves + 2);
  capacity_ = capacity;
}

template <class T>
void Tape<T>::ExtendAdjoints() {
  const std::size_t needed = num_statements_ + 1;
  if (adjoints_.capacity() < needed) adjoints_.Reserve(std::max(needed, 2 * adjoints_.capacity()));
  std::fill(adjoints_.data() + num_adjoints_, adjoints_.data() + needed, T(0.0));
  num_adjoints_ = needed;
}

template <class T>
void Tape<T>::Seed(const Adjoint<T>& y, const T& y_bar) {
  assert(y.slot() <= num_statements_ && "the variable belongs to another recording");
  if (y.slot() == 0) return;
  if (num_adjoints_ <= num_statements_) ExtendAdjoints();
  T& adjoint = adjoints_.data()[y.slot()];
  adjoint = adjoint + y_bar;
}

template <class T>
SOBOLEV_INLINE T Tape<T>::adjoint(const Adjoint<T>& x) {
  assert(x.slot() <= num_statements_ && "the variable belongs to another recording");
  if (x.slot() == 0) return T(0.0);
  if (num_adjoints_ <= num_statements_) [[unlikely]]
    ExtendAdjoints();
  return adjoints_.data()[x.slot()];
}

template <class T>
void Tape<T>::Reverse(const Adjoint<T>& y) {
  ZeroAdjoints();
  Seed(y, T(1.0));
  Reverse();
}

template <class T>
void Tape<T>::Reverse(const Position& end) {
  if (num_adjoints_ <= num_statements_) ExtendAdjoints();
  Position from = position();
  while (from.externals > end.externals) {
    const External& external = externals_[from.externals - 1];
    Position after = external.position;
    after.statements += external.num_outputs;
    Sweep(from, after);
    SweepExternal(external);
    from = external.position;
  }
  Sweep(from, end);
}

template <class T>
void Tape<T>::Sweep(const Position& from, const Position& to) {
  T* const adjoints = adjoints_.data();
  const T* const partials = partials_.data();
  const Slot* const slots = slots_.data();
  // Often an argument is the result of the statement before, marked so or stored first. Its adjoint
  // then stays in a register, or every step would wait for memory. What is stored first comes last
  // in this direction: by then other arguments of the same slot have been added.
  std::size_t k = from.arguments;
  T bar = adjoints[from.statements];
  for (std::size_t i = from.statements; i > to.statements; --i) {
    const std::size_t begin = k - StoredArguments(i);
    if (NeedsCare(bar)) [[unlikely]] {
      if (!IsZero(bar)) {
        for (; k > begin; --k) adjoints[slots[k - 1]] += SafeProduct(partials[k - 1], bar);
        if (IsChained(i)) adjoints[i - 1] += bar;
      }
      k = begin;
      bar = adjoints[i - 1];
    } else if (k == begin) {
      bar = adjoints[i - 1];  // An input.
    } else {
      T sum;
      do {
        --k;
        sum = adjoints[slots[k]] + partials[k] * bar;
        adjoints[slots[k]] = sum;
      } while (k > begin);
      if (IsChained(i)) {
        bar = adjoints[i - 1] + bar;
        adjoints[i - 1] = bar;
      } else if (slots[k] == i - 1) {
        bar = sum;
      } else {
        bar = adjoints[i - 1];
      }
    }
  }
}

template <class T>
void Tape<T>::SweepExternal(const External& external) {
  const std::span<const T> y_bar(adjoints_.data() + external.position.statements + 1,
                                 external.num_outputs);
  std::vector<T> x_bar(external.inputs.size());
  CallExternal(external, y_bar, x_bar);
  for (std::size_t i = 0; i < x_bar.size(); ++i) {
    if (external.inputs[i] != 0) adjoints_.data()[external.inputs[i]] += x_bar[i];
  }
}

template <class T>
void Tape<T>::CallExternal(const External& external, std::span<const T> y_bar,
                           std::span<T> x_bar) const {
  std::fill(x_bar.begin(), x_bar.end(), T(0.0));
  if (std::any_of(y_bar.begin(), y_bar.end(), [](const T& bar) { return !IsZero(bar); })) {
    external.callback(y_bar, x_bar);
  }
}

template <class T>
void Tape<T>::RewindTo(const Position& position) {
  assert(position.statements <= num_statements_ && "the position lies ahead");
  num_leaves_ = position.statements == 0 ? 0 : std::min(num_leaves_, position.statements);
  num_statements_ = position.statements;
  num_arguments_ = position.arguments;
  if (externals_.size() > position.externals) externals_.resize(position.externals);
  num_adjoints_ = std::min(num_adjoints_, num_statements_ + 1);
}

template <class T>
void Tape<T>::PushExternal(std::span<const Adjoint<T>> inputs, std::span<Adjoint<T>> outputs,
                           Callback callback) {
  std::vector<Slot> slots;
  slots.reserve(inputs.size());
  for (const Adjoint<T>& x : inputs) slots.push_back(x.slot());
  if (std::all_of(slots.begin(), slots.end(), [](Slot slot) { return slot == 0; })) return;
  externals_.push_back({position(), std::move(slots), outputs.size(), std::move(callback)});
  for (Adjoint<T>& y : outputs) y = Variable(y.value());
}

template <class T>
TapeStatistics Tape<T>::statistics() const {
  return {
      .statements = num_statements_,
      .arguments = num_arguments_,
      .used_bytes = num_arguments_ * (sizeof(T) + sizeof(Slot)) + num_statements_,
      .reserved_bytes = partials_.bytes() + slots_.bytes() + counts_.bytes() + adjoints_.bytes()};
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_TAPE_IMPL_H_
