// SPDX-License-Identifier: Apache-2.0
#include "src/transport/transport.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/secret.h"
#include "src/base/text.h"
#include "src/transport/curl_option.h"

namespace shutterseal::transport {

static constexpr long kUploadBuffer = 2L * 1024 * 1024;  // libcurl waits for the acknowledgement of each buffer: 64 KiB means 11 times more waits
static constexpr std::string_view kSftp = "sftp://", kFtps = "ftps://";
static constexpr std::size_t kLargestPem = 64 * 1024;

// ---- URLs -----------------------------------------------------------------------------------------------------------------------

static bool is_plain(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos;
  });
}

static bool take_port(std::string_view text, Target& target) {
  if (text.empty()) return true;
  const auto port = text.front() == ':' ? parse_decimal(text.substr(1), 65535) : std::nullopt;
  if (!port || *port == 0) return false;
  target.port = static_cast<unsigned>(*port);
  return true;
}

static bool take_host(std::string_view authority, Target& target) {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return false;
    target.host = authority.substr(0, end + 1);
    const auto inside = authority.substr(1, end - 1);
    return inside.find(':') != std::string_view::npos && is_plain(inside, ":.") && take_port(authority.substr(end + 1), target);
  }
  const auto colon = std::min(authority.find(':'), authority.size());
  target.host = authority.substr(0, colon);
  return !target.host.empty() && is_plain(target.host, "-._") && take_port(authority.substr(colon), target);
}

std::optional<Target> parse_target(std::string_view url) {
  const bool ftps = url.starts_with(kFtps);
  if (!ftps && !url.starts_with(kSftp)) return std::nullopt;
  Target target;
  target.scheme = ftps ? "ftps" : "sftp";
  target.port = ftps ? 21 : 22;
  auto rest = url.substr(kSftp.size());
  const auto slash = std::min(rest.find('/'), rest.size());
  auto authority = rest.substr(0, slash);
  target.path = std::string(rest.substr(slash));
  if (target.path.empty()) target.path = "/";
  if (!target.path.ends_with('/')) target.path += '/';
  if (const auto at = authority.find('@'); at != std::string_view::npos) {
    target.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    if (target.user.empty() || !is_plain(target.user, "-._")) return std::nullopt;
  }
  if (!take_host(authority, target) || !is_plain(target.path, "/-._")) return std::nullopt;
  return target;
}

// ---- one libcurl handle -----------------------------------------------------------------------------------------------------------

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
  int idle_calls = 0;
  bool spins = false;
  Transfer transfer;

  void prepare(const Target& to, const std::string& path);
  void prepare_sftp(const Target& to, const std::string& path);
  void prepare_ftps(const Target& to, const std::string& path);
  Result perform(const Target& to);
  using Order = std::function<void(const Target&)>;
  Result attempt(const Order& order, const std::string& settled = "", std::uint64_t size = 0);
  Result attempt_target(const Target& to, const Order& order, const std::string& settled, std::uint64_t size);
  Result settle_ftps(const Target& to, const std::string& name, std::uint64_t size);
  bool wait_or_stop(curl_off_t moved);
  CURLcode run();
  void close();
};

extern "C" {

static std::size_t give_octets(char* out, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    return (*transfer.source)({reinterpret_cast<std::uint8_t*>(out), size * count});
  } catch (...) {
    transfer.failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

static std::size_t take_octets(char* in, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto got = size * count;
  if (transfer.content->size() + got > transfer.limit) return 0;  // libcurl ends with CURLE_WRITE_ERROR
  try {
    transfer.content->insert(transfer.content->end(), in, in + got);
  } catch (...) {
    transfer.failure = std::current_exception();
    return 0;
  }
  return got;
}

static std::size_t drop_octets(char*, std::size_t size, std::size_t count, void*) { return size * count; }

static int on_progress(void* user, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  auto& impl = *static_cast<std::pair<void*, bool (*)(void*, curl_off_t)>*>(user);
  return impl.second(impl.first, down + up) ? 1 : 0;
}

static int note_socket(void* user, curl_socket_t socket, curlsocktype) {
  static_cast<std::vector<curl_socket_t>*>(user)->push_back(socket);
  return CURL_SOCKOPT_OK;
}

static int drop_socket(void* user, curl_socket_t socket) {
  std::erase(*static_cast<std::vector<curl_socket_t>*>(user), socket);
  return ::close(socket);
}

}  // extern "C"

// libcurl's SFTP upload spins while it waits for acknowledgements, because its socket is always writable: 45 % of a core on a slow
// line. Where nothing moved since the last call, wait here for the peer to speak instead, longer each time.
bool Connection::Impl::wait_or_stop(curl_off_t moved) {
  if (stop()) return true;
  if (!spins) return false;
  if (moved != last_moved) {
    last_moved = moved;
    idle_calls = 0;
    return false;
  }
  idle_calls = std::min(idle_calls + 1, 20);
  if (idle_calls < 3 || sockets.empty()) return false;
  struct pollfd waited {
    sockets.back(), POLLIN, 0
  };
  static_cast<void>(::poll(&waited, 1, idle_calls / 2));
  return false;
}

static bool wait_or_stop_of(void* impl, curl_off_t moved) { return static_cast<Connection::Impl*>(impl)->wait_or_stop(moved); }

static long whole_seconds(std::int64_t ms) { return static_cast<long>(std::max<std::int64_t>(1, (ms + 999) / 1000)); }

void Connection::Impl::prepare_sftp(const Target& to, const std::string& path) {
  auto* h = handle.get();
  set(h, CURLOPT_URL, ("sftp://" + to.host + ":" + std::to_string(to.port) + "/~" + to.path + path).c_str());
  set(h, CURLOPT_PROTOCOLS_STR, "sftp");
  set(h, CURLOPT_SSH_AUTH_TYPES, static_cast<long>(CURLSSH_AUTH_PUBLICKEY));
  set(h, CURLOPT_SSH_PRIVATE_KEYFILE, settings.private_key_file.c_str());
  // libcurl trusts any host when asked for nothing: no pin, no connection.
  SHUTTERSEAL_BUG_UNLESS(pin < settings.host_key_pins.size());
  set(h, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, settings.host_key_pins[pin].substr(settings.host_key_pins[pin].find(':') + 1).c_str());
}

static void set_blob(CURL* h, CURLoption option, ByteView bytes) {
  curl_blob blob{const_cast<std::uint8_t*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
  set(h, option, &blob);
}

// Explicit TLS (RFC 4217) on both channels or nothing at all; whoever the system trusts is not asked, the bundle's authorities alone are.
void Connection::Impl::prepare_ftps(const Target& to, const std::string& path) {
  auto* h = handle.get();
  SHUTTERSEAL_BUG_UNLESS(!settings.tls_authorities_pem.empty());
  set(h, CURLOPT_URL, ("ftp://" + to.host + ":" + std::to_string(to.port) + to.path + path).c_str());
  set(h, CURLOPT_PROTOCOLS_STR, "ftp");
  set(h, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  set(h, CURLOPT_FTPSSLAUTH, static_cast<long>(CURLFTPAUTH_TLS));
  set(h, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(h, CURLOPT_SSL_VERIFYPEER, 1L);
  set(h, CURLOPT_SSL_VERIFYHOST, 2L);
  set(h, CURLOPT_CAINFO, nullptr);
  set(h, CURLOPT_CAPATH, nullptr);
  set_blob(h, CURLOPT_CAINFO_BLOB, as_bytes(settings.tls_authorities_pem));
  if (!settings.client_certificate_file.empty()) {
    set_blob(h, CURLOPT_SSLCERT_BLOB, read_file(settings.client_certificate_file, kLargestPem));
    auto key = read_guarded_file(settings.client_key_file, kLargestPem, Secrecy::secret);
    set_blob(h, CURLOPT_SSLKEY_BLOB, key);
    wipe(key.data(), key.size());
  }
  set(h, CURLOPT_PASSWORD, read_secret_file(settings.password_file).c_str());
  set(h, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_NOCWD));  // one command a file, and none that the server need not allow
  set(h, CURLOPT_FTP_SKIP_PASV_IP, 1L);                                    // the data go where the control went, whatever the server says
  set(h, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);                               // no SIZE before a fetch
}

void Connection::Impl::prepare(const Target& to, const std::string& path) {
  auto* h = handle.get();
  curl_easy_reset(h);  // keeps the connection
  set(h, CURLOPT_PROXY, "");  // the environment decides nothing
  set(h, CURLOPT_USERNAME, (to.user.empty() ? settings.user : to.user).c_str());
  spins = to.scheme == "sftp";
  if (to.scheme == "ftps") {
    prepare_ftps(to, path);
  } else {
    prepare_sftp(to, path);
  }
  set(h, CURLOPT_NOSIGNAL, 1L);
  set(h, CURLOPT_TCP_NODELAY, 1L);
  set(h, CURLOPT_TCP_KEEPALIVE, 1L);
  set(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout_ms));
  set(h, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.total_timeout_ms));
  set(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(h, CURLOPT_LOW_SPEED_TIME, whole_seconds(settings.stall_timeout_ms));
  set(h, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  if (settings.bandwidth != 0) set(h, CURLOPT_MAX_SEND_SPEED_LARGE, static_cast<curl_off_t>(settings.bandwidth));
  set(h, CURLOPT_NOPROGRESS, 0L);
  set(h, CURLOPT_SOCKOPTFUNCTION, note_socket);
  set(h, CURLOPT_SOCKOPTDATA, &sockets);
  set(h, CURLOPT_CLOSESOCKETFUNCTION, drop_socket);
  set(h, CURLOPT_CLOSESOCKETDATA, &sockets);
}

CURLcode Connection::Impl::run() {
  if (targets[target].scheme == "sftp") return curl_easy_perform(handle.get());
  if (!multi) multi.reset(curl_multi_init());
  if (!multi) throw std::bad_alloc();
  return perform_ftp(multi.get(), handle.get());
}

void Connection::Impl::close() {
  handle.reset();
  multi.reset();
}

static Outcome outcome_of(CURLcode code, const std::string& text) {
  switch (code) {
    case CURLE_OK: return Outcome::done;
    // A server that has no TLS today had it yesterday: somebody on the line may have taken it away.
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CONNECT_ERROR: return Outcome::wrong_host_key;
    case CURLE_LOGIN_DENIED: return Outcome::login_refused;
    case CURLE_REMOTE_FILE_NOT_FOUND: return Outcome::absent;
    case CURLE_ABORTED_BY_CALLBACK: return Outcome::stopped;
    // Only the rename is a quote. "Operation failed" is what OpenSSH says when the target exists: an earlier try arrived. Were it
    // anything else, no receipt would come and the envelopes would be sent again.
    case CURLE_QUOTE_ERROR: return text.find("Operation failed") != std::string::npos ? Outcome::done : Outcome::server_refused;
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_UPLOAD_FAILED:
    case CURLE_REMOTE_DISK_FULL:
    case CURLE_WRITE_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_FTP_COULDNT_RETR_FILE:
    case CURLE_FTP_COULDNT_USE_REST:
    case CURLE_FTP_COULDNT_SET_TYPE:
    case CURLE_SSH: return Outcome::server_refused;
    default: return Outcome::unreachable;
  }
}

static std::string reason_of(Outcome outcome, CURLcode code, const std::string& text) {
  if (outcome == Outcome::done) return "done";
  if (code == CURLE_PEER_FAILED_VERIFICATION && text.find("ertificate") == std::string::npos && text.find("SSL:") == std::string::npos)
    return "the host key is not among the pins: not connected";
  if (outcome == Outcome::wrong_host_key) return "the server's certificate or TLS is not what it must be: nothing was sent: " + text;
  if (outcome == Outcome::login_refused) return "login refused";
  return text.empty() ? curl_easy_strerror(code) : text;
}

Result Connection::Impl::perform(const Target& to) {
  auto* h = handle.get();
  std::array<char, CURL_ERROR_SIZE> text{};
  std::pair<void*, bool (*)(void*, curl_off_t)> progress{this, wait_or_stop_of};
  set(h, CURLOPT_ERRORBUFFER, text.data());
  set(h, CURLOPT_XFERINFOFUNCTION, on_progress);
  set(h, CURLOPT_XFERINFODATA, &progress);
  last_moved = -1;
  idle_calls = 0;
  const auto started = monotonic_ms();
  const auto code = run();
  last_used = monotonic_ms();
  if (transfer.failure) std::rethrow_exception(std::exchange(transfer.failure, nullptr));
  Result result;
  result.outcome = outcome_of(code, text.data());
  result.detail = to.host + ":" + std::to_string(to.port) + ": " + reason_of(result.outcome, code, text.data());
  curl_off_t sent = 0;
  if (curl_easy_getinfo(h, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK) result.sent = static_cast<std::uint64_t>(sent);
  result.elapsed_ms = last_used - started;
  return result;
}

// A pin for another key is no reason to give up before the others were tried; a connection that died while idle is none at all.
Result Connection::Impl::attempt_target(const Target& to, const Order& order, const std::string& settled, std::uint64_t size) {
  Result result;
  const auto pins = to.scheme == "sftp" ? settings.host_key_pins.size() : 1;
  for (std::size_t tried = 0; tried < pins;) {
    if (!handle) handle.reset(curl_easy_init());
    if (!handle) throw std::bad_alloc();
    const bool reused = !sockets.empty();
    order(to);
    result = perform(to);
    if (result.outcome == Outcome::done && to.scheme == "ftps" && !settled.empty()) {
      const auto sent = result.sent;
      const auto elapsed = result.elapsed_ms;
      result = settle_ftps(to, settled, size);
      result.sent = sent;
      result.elapsed_ms += elapsed;
    }
    if (result.outcome == Outcome::done || result.outcome == Outcome::absent || result.outcome == Outcome::stopped) return result;
    close();
    if (reused) continue;  // once: the next one has no connection to reuse
    if (result.outcome != Outcome::wrong_host_key) return result;
    ++tried;
    if (to.scheme == "sftp") pin = (pin + 1) % pins;
  }
  return result;
}

// Whoever cuts the data connection where TLS cannot see it makes ProFTPD say "complete" of half a file. On the control connection nobody can
// lie: the rename is ordered only when the server has as many octets as were sent.
Result Connection::Impl::settle_ftps(const Target& to, const std::string& name, std::uint64_t size) {
  const auto part = "incoming/." + name + ".part", folder = to.path.substr(1);
  prepare(to, part);
  set(handle.get(), CURLOPT_NOBODY, 1L);
  set(handle.get(), CURLOPT_WRITEFUNCTION, drop_octets);  // libcurl would show what it learns as a header
  set(handle.get(), CURLOPT_IGNORE_CONTENT_LENGTH, 0L);
  auto result = perform(to);
  curl_off_t there = -1;
  if (result.outcome == Outcome::done && curl_easy_getinfo(handle.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &there) != CURLE_OK) there = -1;
  if (result.outcome != Outcome::done) return result;
  if (there < 0 || static_cast<std::uint64_t>(there) != size) {
    result.outcome = Outcome::server_refused;
    result.detail = to.host + ": the server has " + std::to_string(there) + " of " + std::to_string(size) + " octets";
    return result;
  }
  List rename;
  append(rename, "RNFR " + folder + part);
  append(rename, "RNTO " + folder + "incoming/" + name);
  prepare(to, "");
  set(handle.get(), CURLOPT_NOBODY, 1L);
  set(handle.get(), CURLOPT_QUOTE, rename.get());
  return perform(to);
}

static int gravity(Outcome outcome) {
  switch (outcome) {
    case Outcome::wrong_host_key: return 3;
    case Outcome::login_refused: return 2;
    case Outcome::server_refused: return 1;
    default: return 0;
  }
}

Result Connection::Impl::attempt(const Order& order, const std::string& settled, std::uint64_t size) {
  Result worst;
  worst.detail = "no server to send to";
  for (std::size_t tried = 0; tried < targets.size(); ++tried) {
    auto result = attempt_target(targets[target], order, settled, size);
    if (result.outcome == Outcome::done || result.outcome == Outcome::absent || result.outcome == Outcome::stopped) return result;
    if (tried == 0 || gravity(result.outcome) > gravity(worst.outcome)) worst = std::move(result);
    target = (target + 1) % targets.size();
  }
  return worst;
}

// ---- Connection -------------------------------------------------------------------------------------------------------------------

Connection::Connection(Settings settings, std::function<bool()> stop) : impl_(std::make_unique<Impl>()) {
  start_library();
  for (const auto& url : settings.urls) {
    const auto target = parse_target(url);
    if (!target) throw Error(ErrorKind::config, "cannot use the URL '" + escape_untrusted(url) + "': not sftp://[user@]host[:port]/[path/] or ftps://…");
    if (target->scheme == "sftp" && settings.host_key_pins.empty()) throw Error(ErrorKind::config, "no host key is pinned: no connection");
    if (target->scheme == "ftps" && settings.tls_authorities_pem.empty()) throw Error(ErrorKind::config, "no TLS authority is pinned: no connection");
    impl_->targets.push_back(*target);
  }
  impl_->settings = std::move(settings);
  impl_->stop = std::move(stop);
}

Connection::~Connection() = default;

Result Connection::upload(const std::string& name, std::uint64_t size, const SourceOpener& open) {
  List rename;
  Source source;
  return impl_->attempt([&](const Target& to) {
    const auto folder = to.path.substr(1) + "incoming/";
    source = open();
    impl_->transfer = {&source, nullptr, 0, nullptr};
    impl_->prepare(to, "incoming/." + name + ".part");
    auto* h = impl_->handle.get();
    set(h, CURLOPT_UPLOAD, 1L);
    set(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    set(h, CURLOPT_READFUNCTION, give_octets);
    set(h, CURLOPT_READDATA, &impl_->transfer);
    if (to.scheme == "ftps") return;  // settle_ftps() renames
    // Until the rename there is no such name: a reader never sees a name whose octets are still coming.
    set(h, CURLOPT_NEW_FILE_PERMS, 0640L);
    rename.reset();
    append(rename, "rename " + folder + "." + name + ".part " + folder + name);
    set(h, CURLOPT_POSTQUOTE, rename.get());
  }, name, size);
}

Result Connection::fetch(const std::string& path, std::size_t limit, Bytes& content) {
  return impl_->attempt([&](const Target& to) {
    content.clear();
    impl_->transfer = {nullptr, &content, limit, nullptr};
    impl_->prepare(to, path);
    auto* h = impl_->handle.get();
    set(h, CURLOPT_WRITEFUNCTION, take_octets);
    set(h, CURLOPT_WRITEDATA, &impl_->transfer);
  });
}

void Connection::close_if_idle() {
  if (is_open() && monotonic_ms() - impl_->last_used >= impl_->settings.idle_close_ms) close();
}

void Connection::close() { impl_->close(); }

bool Connection::is_open() const { return impl_->handle && !impl_->sockets.empty(); }

}  // namespace shutterseal::transport
