// SPDX-License-Identifier: Apache-2.0
// A flood delays another camera's picture by one of its own, however many there are.
#include <doctest/doctest.h>

#include "src/ingestd/fair_queue.h"

namespace shutterseal::ingestd {

static CameraId camera(const char* id) { return CameraId::parse(id).value(); }

static std::vector<int> drain(FairQueue<int>& queue) {
  std::vector<int> order;
  while (!queue.empty()) {
    order.push_back(queue.front());
    queue.pop();
  }
  return order;
}

TEST_CASE("each camera has its turn, and keeps its own order") {
  FairQueue<int> queue;
  for (int i = 0; i < 5; ++i) queue.put(camera("flood"), i);
  queue.put(camera("a"), 100);
  queue.put(camera("z"), 200);
  queue.put(camera("z"), 201);
  CHECK(queue.size() == 8);
  CHECK(drain(queue) == std::vector<int>{100, 0, 200, 1, 201, 2, 3, 4});
}

TEST_CASE("who comes late is served behind one of a flood, not behind all of it") {
  FairQueue<int> queue;
  for (int i = 0; i < 1000; ++i) queue.put(camera("flood"), i);
  for (int i = 0; i < 10; ++i) queue.pop();
  queue.put(camera("late"), -1);
  CHECK(queue.front() == -1);
  queue.pop();
  CHECK(queue.front() == 10);
  CHECK(queue.size() == 990);
}

}  // namespace shutterseal::ingestd
