// SPDX-License-Identifier: Apache-2.0
#include "src/base/assistant.h"

#include <system_error>
#include <utility>

namespace shutterseal {

Assistant::~Assistant() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Assistant::take(const std::function<void()>& work) {
  const std::lock_guard guard(mutex_);
  if (work_) return false;
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    return false;  // pthread_create(3), EAGAIN: no reason to stop sealing
  }
  work_ = &work;
  is_done_ = false;
  changed_.notify_all();
  return true;
}

std::exception_ptr Assistant::wait() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [this] { return is_done_; });
  work_ = nullptr;
  is_done_ = false;
  return std::exchange(failure_, nullptr);
}

void Assistant::run() {
  std::unique_lock guard(mutex_);
  for (;;) {
    changed_.wait(guard, [this] { return is_ending_ || (work_ && !is_done_); });
    if (is_ending_) return;
    const auto* work = work_;
    guard.unlock();
    std::exception_ptr failure;
    try {
      (*work)();
    } catch (...) {
      failure = std::current_exception();
    }
    guard.lock();
    failure_ = failure;
    is_done_ = true;
    changed_.notify_all();
  }
}

Assistant::Task::Task(Assistant* assistant, std::function<void()> work) : assistant_(assistant), work_(std::move(work)) {
  if (assistant_ && !assistant_->take(work_)) assistant_ = nullptr;
}

Assistant::Task::~Task() {
  if (!is_done_ && assistant_) static_cast<void>(assistant_->wait());
}

void Assistant::Task::wait() {
  is_done_ = true;
  if (!assistant_) return work_();
  if (const auto failure = assistant_->wait()) std::rethrow_exception(failure);
}

}  // namespace shutterseal
