// SPDX-License-Identifier: Apache-2.0
// The floor of durable ingest: bare_loop DIR COUNT SIZE writes COUNT files of SIZE octets on two threads, in groups of 32: O_TMPFILE writes, one
// syncfs, linkat, one fsync of the directory. Prints the seconds that it took.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

static void write_group(int dir, const std::vector<char>& octets, int first, int count) {
  std::vector<int> files;
  for (int i = 0; i < count; ++i) {
    const int fd = ::openat(dir, ".", O_TMPFILE | O_RDWR, 0440);
    if (fd < 0 || ::write(fd, octets.data(), octets.size()) != static_cast<ssize_t>(octets.size())) std::abort();
    files.push_back(fd);
  }
  if (::syncfs(dir) != 0) std::abort();
  for (int i = 0; i < count; ++i) {
    const auto source = "/proc/self/fd/" + std::to_string(files[static_cast<std::size_t>(i)]), name = std::to_string(first + i);
    if (::linkat(AT_FDCWD, source.c_str(), dir, name.c_str(), AT_SYMLINK_FOLLOW) != 0) std::abort();
  }
  if (::fsync(dir) != 0) std::abort();
  for (const int fd : files) ::close(fd);
}

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const int count = std::atoi(argv[2]), dir = ::open(argv[1], O_RDONLY | O_DIRECTORY);
  const std::vector<char> octets(static_cast<std::size_t>(std::atoi(argv[3])), 'x');
  const auto start = std::chrono::steady_clock::now();
  const auto half = [&](int from, int to) {
    for (int at = from; at < to; at += 32) write_group(dir, octets, at, std::min(32, to - at));
  };
  std::thread other([&] { half(0, count / 2); });
  half(count / 2, count);
  other.join();
  std::printf("%.4f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}
