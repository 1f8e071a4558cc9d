#include "engine/program/replay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/ad/interval_bounds.h"
#include "engine/program/doubts.h"
#include "engine/program/op.h"

namespace sobolev::program {
namespace {

// What the values of a block may take: about half of a second-level cache, which the instructions
// share; or with few lanes, over which it takes long to look an instruction up, of the third.
constexpr std::size_t kBlockBytes = std::size_t{384} << 10;
constexpr std::size_t kLargeBlockBytes = std::size_t{8} << 20;
constexpr Index kFewLanes = 16;
// More registers per slot than this gain nothing.
constexpr Index kMaxRegisters = 8;

Index ChooseLanes(const Trace& trace, Index width) {
  Index lanes = kMaxRegisters * width;
  const auto bytes = [&] {
    return trace.num_slots * static_cast<std::size_t>(lanes) * sizeof(double);
  };
  while (lanes > kFewLanes && bytes() > kBlockBytes) lanes /= 2;
  while (lanes > width && bytes() > kLargeBlockBytes) lanes /= 2;
  return lanes;
}

// How far a constant of a trace may be from the number that is meant. Constants of few bits are
// meant as they are. Others stand for decimal fractions and for π, 2/√π and the like, of which at
// most two were multiplied: within 1.5 units in the last place.
double MarginOf(double constant) {
  const bool is_short = static_cast<double>(static_cast<float>(constant)) == constant;
  return is_short ? 0 : std::abs(constant) * 0x1p-51;
}

// ∞ is "arbitrarily large".
ad::Bounds BoundsOf(double constant) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  if (std::isinf(constant)) {
    return constant > 0 ? ad::Bounds{kLargest, constant} : ad::Bounds{constant, -kLargest};
  }
  return {constant - MarginOf(constant), constant + MarginOf(constant)};
}

}  // namespace

const LaneKernels& KernelsOf(Isa isa) {
  switch (isa) {
    case Isa::kSse2:
      return kSse2LaneKernels;
    case Isa::kAvx2:
      return kAvx2LaneKernels;
    case Isa::kAvx512:
      break;
  }
  return kAvx512LaneKernels;
}

Replayer::Replayer(const InstructionList& list, LaneKind kind, Isa isa, Index lanes,
                   Executor executor)
    : kind_(kind), kernels_(KernelsOf(isa)), lanes_(lanes) {
  const bool wants_code = executor != Executor::kInterpreter && kind == LaneKind::kFast &&
                          isa == Isa::kAvx512 && MachineCode::IsAvailable();
  if (wants_code) code_ = MachineCode::Make(list, lanes, trace_);
  if (code_ != nullptr) {
    lanes_ = code_->lanes();
    return;
  }
  trace_ = Schedule(list);
  if (lanes_ == 0) lanes_ = ChooseLanes(trace_, kernels_.width);
  if (kind_ != LaneKind::kInterval) return;
  MarkDoubts(trace_);
  starts_in_doubt_ = HasUndefinedConstant(trace_);
}

std::unique_ptr<LaneBuffer> Replayer::TakeBuffer() const {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<LaneBuffer> buffer = std::move(free_.back());
      free_.pop_back();
      return buffer;
    }
    free_.reserve(num_buffers_ + 1);
    ++num_buffers_;
  }
  const Index doubts = kind_ == LaneKind::kInterval ? lanes_ : 0;
  auto buffer = std::make_unique<LaneBuffer>(
      static_cast<std::size_t>(Index{trace_.num_slots} * stride() + doubts));
  for (const auto& [slot, constant] : trace_.constants) {
    double* const to = buffer->data() + Index{slot} * stride();
    std::fill_n(to, lanes_, constant);  // To the bit: −0 is a constant like others.
    if (kind_ != LaneKind::kInterval) continue;
    const ad::Bounds bounds = BoundsOf(constant);
    std::fill_n(to, lanes_, bounds.lo);
    std::fill_n(to + lanes_, lanes_, bounds.hi);
  }
  return buffer;
}

Replayer::Workspace::Workspace(const Replayer& replayer)
    : replayer_(replayer), buffer_(replayer.TakeBuffer()) {}

Replayer::Workspace::~Workspace() {
  const std::lock_guard lock(replayer_.mutex_);
  replayer_.free_.push_back(std::move(buffer_));
}

void Replayer::Workspace::Run(Index points) {
  if (replayer_.code_ != nullptr) return replayer_.code_->Run(slots(), points);
  double* doubts = nullptr;
  if (replayer_.kind_ == LaneKind::kInterval) {
    doubts = slots() + Index{replayer_.trace_.num_slots} * replayer_.stride();
    std::fill_n(doubts, replayer_.lanes_, 0.0);
  }
  Interpret(doubts, kWithinTrace);
}

void Replayer::Workspace::RunStep(double* doubts) {
  if (replayer_.kind_ != LaneKind::kInterval) return Run();
  Interpret(doubts, kAcrossTraces);
}

void Replayer::Workspace::Interpret(double* doubts, DoubtScope scope) {
  if (replayer_.starts_in_doubt_) std::fill_n(doubts, replayer_.lanes_, 1.0);
  const Trace& trace = replayer_.trace_;
  const BlockRun run{.groups = trace.groups.data(),
                     .num_groups = trace.groups.size(),
                     .operands = trace.operands.data(),
                     .slots = slots(),
                     .registers = replayer_.lanes_ / replayer_.kernels_.width,
                     .doubts = doubts,
                     .scope = scope,
                     .apply = Apply};
  switch (replayer_.kind_) {
    case LaneKind::kFast:
      return replayer_.kernels_.run_fast(run);
    case LaneKind::kStrict:
      return replayer_.kernels_.run_strict(run);
    case LaneKind::kInterval:
      return replayer_.kernels_.run_interval(run);
  }
}

}  // namespace sobolev::program
