// SPDX-License-Identifier: Apache-2.0
// Pushing parcels to a drop server and reading the receipt, by SFTP or FTPS over libcurl. One object, one connection, reused and closed when
// idle.
//
// SECURITY: no pin, no connection. The server's host key must hash to one of the pins before any credential is sent (libcurl accepts any
// host key when asked for nothing); an FTP server must show a certificate of a pinned authority, for its host name, on both channels.
// A close status is ignored by libcurl, so success means "the rename was answered", and only a receipt proves that anything arrived.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/time.h"
#include "src/transport/ssh_agent.h"

namespace shutterseal::transport {

struct Settings {
  std::vector<std::string> urls;           // tried in turn; sftp:// or ftps:// (explicit TLS), [user@]host[:port]/[path/], the path below the
                                           // login's directory, IPv6 in brackets
  std::vector<std::string> host_key_pins;  // "SHA256:…" as ssh-keygen prints them
  std::string user;                        // unless the URL names one
  SshAgent* agent = nullptr;               // sftp: who signs the login; outlives the connection
  std::string tls_authorities_pem;         // ftps: who may certify the server
  std::string password_file;               // ftps; mode 0600
  std::string client_certificate_file, client_key_file;  // ftps, may be empty
  std::int64_t connect_timeout_ms = 30'000;
  std::int64_t stall_timeout_ms = 30'000;   // no octet for so long
  std::int64_t total_timeout_ms = 600'000;  // one upload
  std::uint64_t bandwidth = 0;              // octets a second, 0: no cap
  std::int64_t idle_close_ms = 30'000;
};

// The octets of an upload: fills `out`, returns how many, 0 at the end; throws Error to abort.
using Source = std::function<std::size_t(std::span<std::uint8_t> out)>;
using SourceOpener = std::function<Source()>;  // from the first octet: asked again for each try
[[nodiscard]] SourceOpener source_of(ByteView octets);  // which must outlive the upload

enum class Outcome {
  done,            // for an upload also "the name exists": an earlier try arrived
  absent,          // fetch: no such file yet
  unreachable,     // link down, refused, timed out: try again later
  wrong_host_key,  // not among the pins: nothing was sent
  login_refused,
  server_refused,  // permission, disk full, a cut that looks like either (libcurl cannot tell): try again later
  stopped,         // the stop function said so
};
struct Result {
  Outcome outcome = Outcome::unreachable;
  std::string detail;  // host, what, why; may hold the server's words: escape it
  std::uint64_t sent = 0;
  std::int64_t elapsed_ms = 0;
};

class Connection {
 public:
  // `stop` is asked often, from the transfer loop and from the guard's thread; true ends a transfer with Outcome::stopped, at the latest a second later,
  // whatever a library waits for.
  Connection(Settings settings, std::function<bool()> stop);
  ~Connection();
  // Writes incoming/.NAME.part afresh (never resumes), then renames it to incoming/NAME without overwriting.
  [[nodiscard]] Result upload(const std::string& name, std::uint64_t size, const SourceOpener& open);
  // A small file, e.g. "receipts/receipt.p7m"; content valid when done.
  [[nodiscard]] Result fetch(const std::string& path, std::size_t limit, Bytes& content);
  void close_if_idle();  // to be called now and then
  void close();
  [[nodiscard]] bool is_open() const;
  // For how long a library has not come back from a line that was hung up; 0 when none is late. From any thread.
  [[nodiscard]] std::int64_t stuck_ms() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// Splits and checks a URL as bundles carry them; nothing when it is not one that we can use.
struct Target {
  std::string scheme, user, host, path;
  unsigned port = 22;
  [[nodiscard]] bool is_ftps() const { return scheme == "ftps"; }
};
[[nodiscard]] std::optional<Target> parse_target(std::string_view url);

}  // namespace shutterseal::transport
