#include "server/jobs/compute_slots.h"

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

using Place = ComputeSlots::Place;

TEST(ComputeSlotsTest, TheFirstInTheLineHaveThem) {
  ComputeSlots slots(2);
  std::optional<Place> first(std::in_place, slots);
  std::optional<Place> second(std::in_place, slots);
  std::optional<Place> third(std::in_place, slots);
  const Place fourth(slots);
  EXPECT_TRUE(first->HasSlot());
  EXPECT_TRUE(second->HasSlot());
  EXPECT_FALSE(third->HasSlot());
  second.reset();
  EXPECT_TRUE(first->HasSlot());
  EXPECT_TRUE(third->HasSlot());
  EXPECT_FALSE(fourth.HasSlot());
  // One that gives up before its turn.
  const Place fifth(slots);
  first.reset();
  third.reset();
  EXPECT_TRUE(fourth.HasSlot());
  EXPECT_TRUE(fifth.HasSlot());
}

TEST(ComputeSlotsTest, WaitingEndsWithASlotOrWhenItIsStopped) {
  ComputeSlots slots(1);
  auto first = std::make_unique<Place>(slots);
  std::stop_source stop;
  std::atomic<bool> has_slot = true;
  std::jthread stopped([&] { has_slot = Place(slots).WaitForSlot(stop.get_token()); });
  stop.request_stop();
  stopped.join();
  EXPECT_FALSE(has_slot);
  std::jthread served([&] { has_slot = Place(slots).WaitForSlot({}); });
  first.reset();
  served.join();
  EXPECT_TRUE(has_slot);
}

TEST(ComputeSlotsTest, NoMoreThanThereAreComputeAtOnce) {
  constexpr int kSlots = 3;
  ComputeSlots slots(kSlots);
  std::atomic<int> now = 0;
  std::atomic<bool> too_many = false;
  {
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 200; ++k) {
          const Place place(slots);
          EXPECT_TRUE(place.WaitForSlot({}));
          if (++now > kSlots) too_many = true;
          --now;
        }
      });
    }
  }
  EXPECT_FALSE(too_many);
}

}  // namespace
}  // namespace sobolev::server
