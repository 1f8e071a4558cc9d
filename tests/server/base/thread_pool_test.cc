#include "server/base/thread_pool.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

TEST(ThreadPoolTest, TakesNewWorkWhileTheQueueHasRoom) {
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<int> done = 0;
  {
    ThreadPool pool(1, 2);
    ASSERT_TRUE(pool.TrySubmit([&] {
      started.set_value();
      release.get_future().wait();
    }));
    started.get_future().wait();  // The one thread is busy, the queue empty.
    EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
    EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
    EXPECT_FALSE(pool.TrySubmit([&] { ++done; }));
    pool.Submit([&] { ++done; });  // The next step of work that was let in.
    release.set_value();
  }
  EXPECT_EQ(done, 3);
}

}  // namespace
}  // namespace sobolev::server
