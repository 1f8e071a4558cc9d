// The memory of reverse mode: the statements of a computation, and the sweep back over them.
//
// While a tape is active, every assignment to an Adjoint (adjoint.h) records one statement: the
// partial derivatives of its result with respect to its active arguments. Statement i defines slot
// i, so results need no entry of their own, and arguments always have smaller slots. Per argument
// the tape holds a partial and a slot (12 bytes for double), per statement one byte that counts
// them. A bit of that byte stands for one more argument, the result of the statement before with
// the partial 1: sums in loops need no more. Slot 0 is every constant; it is never recorded.
//
// Reverse() then walks back once: with the adjoint ȳᵢ of slot i known, each argument j of the
// statement receives x̄ⱼ += ∂yᵢ/∂xⱼ ȳᵢ. It is a loop, so depth costs memory but no stack.
//
//   Tape<double> tape;
//   const Tape<double>::Scope scope(tape);            // active on this thread until scope ends
//   const Adjoint<double> x = tape.Variable(2.0);
//   const Adjoint<double> y = x * sin(x);
//   tape.Reverse(y);
//   tape.adjoint(x);                                  // dy/dx
//   tape.Clear();                                     // ready for the next recording
//
// Tapes are objects: any number may exist. One tape serves one thread at a time. A variable
// belongs to the tape that was active when it was assigned and dies with Clear or RewindTo; use
// elsewhere is a mistake that assertions find in debug builds. T is any trivially copyable number
// type of the engine. Where an adjoint is infinite or zero the conventions of elementary.h hold:
// zero times infinity is zero.

#ifndef SOBOLEV_ENGINE_AD_TAPE_H_
#define SOBOLEV_ENGINE_AD_TAPE_H_

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/ad/elementary.h"
#include "engine/ad/tape_buffer.h"

namespace sobolev::ad {

template <class T>
class Adjoint;

// Identifies a result on a tape: the number of its statement, from 1. 0 is a constant.
using Slot = std::uint32_t;

// Throw the errors of every tape. Here, so that recording stays small.
[[noreturn]] void ThrowNoActiveTape();  // kFailedPrecondition NO_ACTIVE_TAPE
[[noreturn]] void ThrowTapeFull();      // kResourceExhausted TAPE_FULL

// What a tape holds.
struct TapeStatistics {
  std::size_t statements;
  std::size_t arguments;
  std::size_t used_bytes;      // Of statements and arguments, without adjoints.
  std::size_t reserved_bytes;  // Of all buffers, adjoints included.
};

// False only for numbers that the fast loop of a sweep may multiply blindly: finite and not zero.
SOBOLEV_INLINE bool NeedsCare(double x) {
  // Twice the bits drop the sign; minus one takes zero to the top, beyond infinity and NaN.
  constexpr std::uint64_t kInfinity = std::uint64_t{0x7ff} << 53;
  return (std::bit_cast<std::uint64_t>(x) << 1) - 1 >= kInfinity - 1;
}
template <class T>
SOBOLEV_INLINE bool NeedsCare(const T& x) {
  return IsZero(x) || !IsFinite(x);
}

template <class T>
class Tape {
 public:
  static_assert(std::is_trivially_copyable_v<T>, "tapes move their partials as bytes");

  // x̄ of every input, to be added by the tape, from ȳ of every output. Holds what it needs.
  using Callback = std::function<void(std::span<const T> y_bar, std::span<T> x_bar)>;

  // A moment of the recording.
  struct Position {
    std::size_t statements = 0;
    std::size_t arguments = 0;
    std::size_t externals = 0;
    bool operator==(const Position&) const = default;
  };

  // Makes a tape the active one of this thread. Scopes nest; the end restores the tape before.
  class [[nodiscard]] Scope {
   public:
    explicit Scope(Tape& tape) : before_(std::exchange(active_tape, &tape)) {}
    ~Scope() { active_tape = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Tape* before_;
  };

  constexpr Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // The active tape of this thread, or nullptr.
  static Tape* Active() { return active_tape == &no_tape ? nullptr : active_tape; }

  // An independent variable.
  Adjoint<T> Variable(const T& value);

  // ----- Sweeps -----

  // Adds y_bar to the adjoint of y. Constants have none.
  void Seed(const Adjoint<T>& y, const T& y_bar);
  // The adjoint of x, as far as the sweeps have come. Zero for constants.
  T adjoint(const Adjoint<T>& x);
  // Propagates the adjoints of all statements after `end` down to it. Sweeps that follow on each
  // other may interpret a tape in pieces, from the last position to the first.
  void Reverse(const Position& end = {});
  // The gradient of y: clears the adjoints, seeds ȳ = 1, and sweeps.
  void Reverse(const Adjoint<T>& y);
  void ZeroAdjoints() { num_adjoints_ = 0; }

  // ----- Sections -----

  Position position() const { return {num_statements_, num_arguments_, externals_.size()}; }
  // Forgets what was recorded after `position`. Memory stays, for the next recording.
  void RewindTo(const Position& position);
  void Clear() { RewindTo({}); }

  // Records a function computed elsewhere. The outputs hold their values and become results of the
  // tape; `callback` runs when a sweep passes, unless all its outputs have zero adjoints.
  void PushExternal(std::span<const Adjoint<T>> inputs, std::span<Adjoint<T>> outputs,
                    Callback callback);

  TapeStatistics statistics() const;

  // ----- For Adjoint and for the other sweeps over the same statements -----

  // Receives the arguments of one statement, in room that was reserved for all of them.
  struct Recorder {
    T* partial;
    Slot* slot;
    const Slot previous;   // The statement before.
    bool chained = false;  // It is an argument, with the partial 1.

    // Branch-free: a constant is overwritten by the next argument.
    SOBOLEV_INLINE void Push(const T& w, Slot argument) {
      *partial = w;
      *slot = argument;
      partial += argument != 0;
      slot += argument != 0;
    }
    SOBOLEV_INLINE void PushWithPartialOne(Slot argument) {
      if (argument == previous && !chained) {
        chained = true;
      } else {
        Push(T(1.0), argument);
      }
    }
  };

  // Records the statement whose arguments push(recorder) pushes, at most kArguments, onto the
  // active tape, and returns its slot.
  template <int kArguments, class Push>
  SOBOLEV_INLINE static Slot Record(const Push& push) {
    static_assert(kArguments > 0 && kArguments <= kMaxArguments);
    Tape& tape = *active_tape;
    if (tape.capacity_ - tape.num_arguments_ < kArguments) [[unlikely]]
      tape.Grow(kArguments);
    T* const partial = tape.partials_.data() + tape.num_arguments_;
    const auto previous = static_cast<Slot>(tape.num_statements_);
    Recorder recorder{partial, tape.slots_.data() + tape.num_arguments_, previous};
    push(recorder);
    if (recorder.chained && recorder.partial == partial) {
      recorder.chained = false;  // Or statements could outnumber arguments.
      recorder.Push(T(1.0), previous);
    }
    const auto count = static_cast<std::size_t>(recorder.partial - partial);
    assert(tape.Holds({recorder.slot - count, count}) && "arguments of another recording");
    tape.num_arguments_ += count;
    const std::size_t slot = ++tape.num_statements_;
    tape.counts_.data()[slot] = static_cast<Count>(count | (recorder.chained ? kChained : 0));
    return static_cast<Slot>(slot);
  }

  // Records y = Σ partials[i] · slots[i] + const, of any length. Zero slots are left out.
  Slot RecordSum(std::span<const T> partials, std::span<const Slot> slots);
  // Records a statement without arguments.
  Slot RecordLeaf();

 private:
  template <class, int>
  friend class AdjointVector;
  template <class>
  friend class Preaccumulation;

  // How many arguments a statement has. An enumeration, because stores through a character type
  // could alias everything and would make the compiler reload the tape's members.
  enum class Count : std::uint8_t {};
  static constexpr std::size_t kChained = 128;  // Added to a count.
  static constexpr int kMaxArguments = 127;
  static constexpr std::size_t kMaxCapacity = 0xffff'fff0;

  struct External {
    Position position;  // Before its outputs.
    std::vector<Slot> inputs;
    std::size_t num_outputs;
    Callback callback;
  };

  // The parts of the count of statement i.
  std::size_t StoredArguments(std::size_t i) const {
    return static_cast<std::size_t>(counts_.data()[i]) % kChained;
  }
  bool IsChained(std::size_t i) const {
    return static_cast<std::size_t>(counts_.data()[i]) >= kChained;
  }
  // Whether the tape has recorded all these slots.
  bool Holds(std::span<const Slot> slots) const {
    return std::all_of(slots.begin(), slots.end(),
                       [this](Slot slot) { return slot <= num_statements_; });
  }
  // Makes room for that many more arguments and statements.
  [[gnu::noinline, gnu::cold]] void Grow(std::size_t arguments);
  // Extends the adjoints to all slots, with zeros. There must be some to add.
  [[gnu::noinline]] void ExtendAdjoints();
  // Interprets the statements from position `from` down to `to`, between which is no external.
  void Sweep(const Position& from, const Position& to);
  void SweepExternal(const External& external);
  // Leaves in x_bar what the external adds to the adjoints of its inputs.
  void CallExternal(const External& external, std::span<const T> y_bar, std::span<T> x_bar) const;

  // Statements with arguments are at most as many as arguments. Those without are counted apart,
  // so that recording a statement checks the room for arguments only.
  // The two counters that every statement advances stand apart, or the compiler fuses their stores
  // into one that the next statement waits for.
  std::size_t num_arguments_ = 0;
  TapeBuffer<T> partials_;
  TapeBuffer<Slot> slots_;
  TapeBuffer<Count> counts_;  // Of statement i at [i].
  std::size_t capacity_ = 0;  // In arguments.
  std::size_t num_statements_ = 0;
  std::size_t num_leaves_ = 0;
  TapeBuffer<T> adjoints_;        // By slot.
  std::size_t num_adjoints_ = 0;  // How many are set; the others are zero.
  std::vector<External> externals_;

  // Stands for "no tape", so that recording need not ask: it is always full, and never grows.
  static Tape no_tape;
  static constinit thread_local Tape* active_tape [[gnu::tls_model("initial-exec")]];
};

template <class T>
constinit Tape<T> Tape<T>::no_tape;
template <class T>
constinit thread_local Tape<T>* Tape<T>::active_tape = &Tape<T>::no_tape;

}  // namespace sobolev::ad

#include "engine/ad/tape_impl.h"

#endif  // SOBOLEV_ENGINE_AD_TAPE_H_
