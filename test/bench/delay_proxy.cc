// SPDX-License-Identifier: Apache-2.0
// A slow line for measurements: delay_proxy LISTEN_PORT TARGET_PORT ONE_WAY_MS OCTETS_PER_SECOND (0: no limit), on 127.0.0.1.
// Each octet arrives ONE_WAY_MS after it was sent, and no faster than the rate, which all connections share. On SIGTERM prints how many octets went to the target.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kChunk = 64 * 1024;
constexpr std::size_t kMostQueued = 16 * 1024 * 1024;

volatile std::sig_atomic_t stopping = 0;
std::uint64_t carried = 0;

struct Piece {
  Clock::time_point due;
  std::vector<char> octets;
  std::size_t sent = 0;
};

// One direction of one connection.
struct Way {
  int from, to;
  bool counts;
  std::deque<Piece> queue;
  std::size_t queued = 0;
  bool ended = false, closed = false;
};

struct Line {
  std::chrono::microseconds delay;
  std::uint64_t rate;
  Clock::time_point free_at[2]{};  // from and to the target
  // What a connection may have on its way: a quarter of a second, or one that sends without end would be seconds ahead of all others.
  [[nodiscard]] std::size_t most_queued() const { return rate == 0 ? kMostQueued : std::max<std::size_t>(512, rate / 4); }
};

void take(Way& way, Line& line) {
  Piece piece;
  const auto chunk = line.rate == 0 ? kChunk : std::min<std::size_t>(kChunk, std::max<std::size_t>(512, line.rate / 100));
  piece.octets.resize(chunk);
  const auto got = ::recv(way.from, piece.octets.data(), chunk, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN)) way.ended = true;
  if (got <= 0) return;
  piece.octets.resize(static_cast<std::size_t>(got));
  auto start = Clock::now();
  if (line.rate != 0) {
    auto& free_at = line.free_at[way.counts ? 1 : 0];
    start = std::max(start, free_at) + std::chrono::microseconds(static_cast<std::uint64_t>(got) * 1'000'000 / line.rate);
    free_at = start;
  }
  piece.due = start + line.delay;
  way.queued += piece.octets.size();
  if (way.counts) carried += piece.octets.size();
  way.queue.push_back(std::move(piece));
}

void give(Way& way) {
  while (!way.queue.empty() && way.queue.front().due <= Clock::now()) {
    auto& piece = way.queue.front();
    const auto put = ::send(way.to, piece.octets.data() + piece.sent, piece.octets.size() - piece.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) {
      way.ended = true;
      way.queue.clear();
      break;
    }
    piece.sent += static_cast<std::size_t>(put);
    if (piece.sent < piece.octets.size()) return;
    way.queued -= piece.octets.size();
    way.queue.pop_front();
  }
  if (way.ended && way.queue.empty() && !way.closed) {
    ::shutdown(way.to, SHUT_WR);
    way.closed = true;
  }
}

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

sockaddr_in loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void accept_one(int listener, const sockaddr_in& target, std::list<Way>& ways) {
  const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int one = 1;
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const int server = tcp_socket();
  if (::connect(server, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    ::close(client);
    ::close(server);
    return;
  }
  ways.push_back({client, server, true, {}, 0, false, false});
  ways.push_back({server, client, false, {}, 0, false, false});
}

int wait_time(const std::list<Way>& ways) {
  auto wait = std::chrono::milliseconds(200);
  for (const auto& way : ways)
    if (!way.queue.empty())
      wait = std::min(wait, std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(way.queue.front().due - Clock::now())));
  return static_cast<int>(wait.count());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  struct sigaction action {};
  action.sa_handler = [](int) { stopping = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  const auto target = loopback(argv[2]), here = loopback(argv[1]);
  Line line{std::chrono::microseconds(std::atoi(argv[3]) * 1000), static_cast<std::uint64_t>(std::atoll(argv[4])), {}};
  const int listener = tcp_socket();
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 || ::listen(listener, 64) != 0) return 69;
  std::list<Way> ways;
  while (stopping == 0) {
    std::vector<pollfd> polled{{listener, POLLIN, 0}};
    for (const auto& way : ways) polled.push_back({way.ended || way.queued > line.most_queued() ? -1 : way.from, POLLIN, 0});
    ::poll(polled.data(), polled.size(), wait_time(ways));
    std::size_t at = 1;
    for (auto& way : ways) {
      if (polled[at++].revents != 0) take(way, line);
      give(way);
    }
    for (auto way = ways.begin(); way != ways.end();) {  // pairs stand side by side
      auto other = std::next(way);
      if (way->closed && other->closed) {
        ::close(way->from);
        ::close(way->to);
        way = ways.erase(way, std::next(other));
      } else {
        way = std::next(other);
      }
    }
    if (polled[0].revents != 0) accept_one(listener, target, ways);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(carried));
  return 0;
}
