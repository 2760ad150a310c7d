// SPDX-License-Identifier: Apache-2.0
// One more thread, for a step that can run beside another. It is made at the first such step and kept for the next: making one for each picture costs
// a good part of what it saves.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace shutterseal {

class Assistant {
 public:
  Assistant() = default;
  Assistant(const Assistant&) = delete;
  Assistant& operator=(const Assistant&) = delete;
  ~Assistant();  // no Task may be left

  // A step that was begun. What `work` refers to must outlive it.
  class Task {
   public:
    // By the assistant; without one, or when it has something to do already or no thread is to be had, `work` runs in wait(), in the caller's thread.
    Task(Assistant* assistant, std::function<void()> work);
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task();  // waits as well, and drops what was thrown: for a caller that is on its way out
    [[nodiscard]] bool is_beside() const noexcept { return assistant_ != nullptr; }
    void wait();  // once; throws what `work` threw

   private:
    Assistant* assistant_;
    std::function<void()> work_;
    bool is_done_ = false;
  };

 private:
  [[nodiscard]] bool take(const std::function<void()>& work);
  [[nodiscard]] std::exception_ptr wait();
  void run();
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;  // until wait() gave its end back
  bool is_done_ = false, is_ending_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace shutterseal
