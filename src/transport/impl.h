// SPDX-License-Identifier: Apache-2.0
// What is behind Connection: one libcurl handle and what its callbacks need. Inside src/transport alone.
#pragma once

#include <exception>

#include "src/base/secret.h"
#include "src/transport/curl_option.h"
#include "src/transport/transport.h"

namespace shutterseal::transport {

// What one transfer needs from its callbacks. An exception must not pass through libcurl's C frames: it waits in `failure`.
struct Transfer {
  const Source* source = nullptr;
  Bytes* content = nullptr;
  std::size_t limit = 0;
  std::exception_ptr failure;
};

struct Connection::Impl {
  Settings settings;
  std::function<bool()> stop;
  std::vector<Target> targets;
  std::size_t target = 0, pin = 0;  // the ones that worked last
  std::vector<curl_socket_t> sockets;
  Multi multi;    // ftps: holds the connections; after sockets, since closing still tells them
  Handle handle;
  std::int64_t last_used = 0;
  curl_off_t last_moved = -1;
  std::int64_t started_at = 0, line_moved_at = 0;
  std::int64_t connecting_since = 0;  // 0: the connection is an earlier transfer's
  std::uint64_t line_octets = 0;
  const char* hung_up_because = nullptr;
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
  };
  Result attempt(const Job& job);
  Result attempt_target(const Target& to, const Job& job);
  Result settle_ftps(const Target& to, const std::string& name, std::uint64_t size, const Result& sent);
  bool wait_or_stop(curl_off_t moved);
  void hang_up_if_late(std::int64_t now);
  [[nodiscard]] bool is_connecting() const;
  [[nodiscard]] bool has_line_moved();
  void hang_up(const char* reason);
  CURLcode run(const Target& to);
  void close();
};

}  // namespace shutterseal::transport
