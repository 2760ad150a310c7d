// SPDX-License-Identifier: Apache-2.0
// What is behind Connection: one libcurl handle and what its callbacks need. Inside src/transport alone.
#pragma once

#include <exception>

#include "src/base/secret.h"
#include "src/transport/curl_option.h"
#include "src/transport/line_guard.h"
#include "src/transport/transport.h"

namespace shutterseal::transport {

// What one transfer needs from its callbacks. An exception must not pass through libcurl's C frames: it waits in `failure`.
struct Transfer {
  const Source* source = nullptr;
  Bytes* content = nullptr;
  std::size_t limit = 0;
  std::exception_ptr failure;
};

inline constexpr std::int64_t kAfterMs = 3'000;  // how long the second of two limits of a kind, ours and libcurl's, comes behind the first

struct Connection::Impl {
  explicit Impl(std::function<bool()> may_stop) : stop(std::move(may_stop)), guard(stop) {}
  Settings settings;
  std::function<bool()> stop;
  std::vector<Target> targets;
  std::size_t target = 0, pin = 0;  // the ones that worked last
  LineGuard guard;
  Multi multi;  // ftps: holds the connections; after the guard, which closes their sockets
  Handle handle;
  std::int64_t last_used = 0;
  curl_off_t last_moved = -1;
  int idle_calls = 0;
  Transfer transfer;
  Secret password, client_key;  // ftps; read when a connection is opened
  Bytes client_certificate;

  void read_credentials(const Target& to);
  void prepare(const Target& to, const std::string& path);
  void prepare_sftp(const Target& to, const std::string& path);
  void prepare_ftps(const Target& to, const std::string& path);
  Result perform(const Target& to);
  void blame_key(Result& result) const;
  // What is asked of a server: `order` sets the options of the transfer; `finish`, if any, goes on where that one was done.
  struct Job {
    std::function<void(const Target&)> order;
    std::function<Result(const Target&, Result)> finish = {};
    bool may_be_absent = false;  // a fetch's file. An upload whose folder is not there is refused: called absent, it would look like a good contact
  };
  Result attempt(const Job& job);
  Result attempt_target(const Target& to, const Job& job);
  Result settle_ftps(const Target& to, const std::string& name, std::uint64_t size, const Result& sent);
  bool wait_or_stop(curl_off_t moved);
  [[nodiscard]] bool is_file_open() const;
  [[nodiscard]] LineLimits limits(const Target& to) const;
  CURLcode run(const Target& to);
  void close();
};

}  // namespace shutterseal::transport
