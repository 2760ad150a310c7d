// SPDX-License-Identifier: Apache-2.0
// A preloaded library: the clock that a program sees, set by a test while the program runs. CLOCK_FILE names a page that is shared:
//   shift    milliseconds added to the time of day (a camera at 1970, an hour ahead, jumping back)
//   origin   monotonic milliseconds at which the faster clock began
//   rate     how fast the monotonic clock runs from there (an hour of waiting in some seconds)
// A time namespace shifts no CLOCK_REALTIME, and a program may not be asked to wait for an hour. The time of day does not run faster: what is waited
// for is monotonic, a timeout of poll(2), too. Child processes that are started without this environment see the true clock.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

struct Page {
  volatile std::int64_t shift, origin, rate;
};

// No guard, and no call of libc's that a sanitizer's runtime has taken over: it asks for the time in the middle of them. Mapped twice it does no harm.
const Page* page() {
  static std::atomic<const Page*> mapped{nullptr};
  if (const auto* known = mapped.load()) return known;
  const char* const path = std::getenv("CLOCK_FILE");
  const long fd = path ? ::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
  if (fd < 0) std::abort();  // a trial under the true clock would show nothing
  const long at = ::syscall(SYS_mmap, nullptr, sizeof(Page), PROT_READ, MAP_SHARED, fd, 0);
  ::syscall(SYS_close, fd);
  if (at == -1) std::abort();
  mapped = reinterpret_cast<const Page*>(at);
  return mapped;
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

constexpr std::int64_t kBillion = 1'000'000'000;
std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kBillion + time.tv_nsec; }
timespec from_nanoseconds(std::int64_t time) { return {time / kBillion, time % kBillion}; }

bool is_time_of_day(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }
bool is_monotonic(clockid_t clock) { return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME; }

std::int64_t seen(clockid_t clock, std::int64_t true_time) {
  if (is_time_of_day(clock)) return true_time + page()->shift * 1'000'000;
  if (!is_monotonic(clock)) return true_time;
  const auto origin = page()->origin * 1'000'000;
  return origin + (true_time - origin) * page()->rate;
}

std::int64_t unseen(clockid_t clock, std::int64_t time) {
  if (is_time_of_day(clock)) return time - page()->shift * 1'000'000;
  if (!is_monotonic(clock)) return time;
  const auto origin = page()->origin * 1'000'000;
  return origin + (time - origin) / page()->rate;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static const auto original = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = original(clock, out);
  if (result == 0) *out = from_nanoseconds(seen(clock, nanoseconds(*out)));
  return result;
}

__attribute__((visibility("default"))) int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

__attribute__((visibility("default"))) time_t time(time_t* out) noexcept {
  timespec now{};
  static_cast<void>(clock_gettime(CLOCK_REALTIME, &now));
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

// What std::condition_variable waits with: its deadline was read from the clock above, and the kernel knows the true one alone.
__attribute__((visibility("default"))) int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* deadline) {
  static const auto original = real<int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>("pthread_cond_clockwait");
  const auto true_deadline = from_nanoseconds(unseen(clock, nanoseconds(*deadline)));
  return original(condition, mutex, clock, &true_deadline);
}

// Loops that look around now and then, and wait in between. Rounded up: a pause of nothing would be a busy loop.
__attribute__((visibility("default"))) int poll(pollfd* descriptors, nfds_t count, int timeout) {
  static const auto original = real<int (*)(pollfd*, nfds_t, int)>("poll");
  const auto rate = page()->rate;
  return original(descriptors, count, timeout <= 0 ? timeout : static_cast<int>((timeout + rate - 1) / rate));
}

}  // extern "C"
