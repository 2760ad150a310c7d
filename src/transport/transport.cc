// SPDX-License-Identifier: Apache-2.0
#include "src/transport/transport.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/transport/impl.h"

namespace shutterseal::transport {

static constexpr std::int64_t kFarewellMs = 1'000;  // for what a library still says when a connection is closed, or the program is to stop

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

}  // extern "C"

// Until then LineGuard counts connect-timeout: when the login is done libcurl does not tell, its APPCONNECT is TCP's.
bool Connection::Impl::is_file_open() const {
  curl_off_t begun_us = 0;
  return curl_easy_getinfo(handle.get(), CURLINFO_PRETRANSFER_TIME_T, &begun_us) == CURLE_OK && begun_us != 0;
}

// libcurl's SFTP upload spins while it waits for acknowledgements, because its socket is always writable: 45 % of a core on a slow
// line. Where nothing moved since the last call, wait here for the peer to speak instead, longer each time.
bool Connection::Impl::wait_or_stop(curl_off_t moved) {
  if (stop()) return true;
  if (is_file_open()) guard.file_is_open();
  if (targets[target].is_ftps()) return false;
  if (moved != last_moved) {
    last_moved = moved;
    idle_calls = 0;
    return false;
  }
  idle_calls = std::min(idle_calls + 1, 20);
  if (idle_calls < 3 || !guard.is_open()) return false;
  struct pollfd waited {
    guard.newest(), POLLIN, 0
  };
  static_cast<void>(::poll(&waited, 1, idle_calls / 2));
  return false;
}

static bool wait_or_stop_of(void* impl, curl_off_t moved) { return static_cast<Connection::Impl*>(impl)->wait_or_stop(moved); }

CURLcode Connection::Impl::run(const Target& to) {
  if (!to.is_ftps()) return curl_easy_perform(handle.get());
  if (!multi) multi.reset(curl_multi_init());
  if (!multi) throw std::bad_alloc();
  return perform_ftp(multi.get(), handle.get());
}

// A dead line is not waited for: it takes no farewell.
void Connection::Impl::close() {
  if (!handle && !multi) return;
  guard.begin({kFarewellMs, kFarewellMs, kFarewellMs, kFarewellMs});
  handle.reset();
  multi.reset();
  static_cast<void>(guard.end());
}

// libcurl's own timeouts would wait for a dead line to take its farewell, and then forget the session: 55 KB for each line that dies. What has no line
// any more it frees. So SFTP is hung up first; on FTPS, where libcurl knows best what its two channels do, the guard comes behind it.
LineLimits Connection::Impl::limits(const Target& to) const {
  const auto after = to.is_ftps() ? kAfterMs : 0;
  return {settings.connect_timeout_ms + after, settings.stall_timeout_ms + after, settings.total_timeout_ms + after, kFarewellMs};
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

// What a line that was cut in the middle looks like to libcurl: a login, a file or TLS that failed. A host that shows the wrong key is none of it. An FTP
// server that says no, by a reply or an alert, resets the line behind that: of it only TLS without a word is one.
static bool may_be_a_cut(const Target& to, Outcome outcome, CURLcode code, const std::string& text) {
  if (!to.is_ftps()) return outcome == Outcome::server_refused || outcome == Outcome::login_refused;
  const auto says = [&text](const char* words) { return text.find(words) != std::string::npos; };
  return code == CURLE_SSL_CONNECT_ERROR && (says("SSL_ERROR_SYSCALL") || says("Connection reset"));
}

static std::string reason_of(const Target& to, Outcome outcome, CURLcode code, const std::string& text) {
  if (outcome == Outcome::done) return "done";
  if (outcome == Outcome::wrong_host_key && !to.is_ftps()) return "the host key is not among the pins: not connected";
  if (outcome == Outcome::wrong_host_key) return "the server's certificate or TLS is not what it must be: nothing was sent: " + text;
  if (outcome == Outcome::login_refused) return "login refused";
  return text.empty() ? curl_easy_strerror(code) : text;
}

// libcurl knows only that the login failed. A chip that does not answer is no refusal by the server.
void Connection::Impl::blame_key(Result& result) const {
  const auto failure = settings.agent ? settings.agent->take_failure() : std::string();
  if (failure.empty() || result.outcome != Outcome::login_refused) return;
  result.outcome = Outcome::server_refused;
  result.detail = "no login, the SSH key did not sign: " + failure;
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
  const auto started_at = monotonic_ms();
  guard.begin(limits(to));
  const auto code = run(to);
  const auto* hung_up_because = guard.end();
  last_used = monotonic_ms();
  if (transfer.failure) {
    close();  // in the middle of a file, which gets no name: the next transfer must not go on behind it
    std::rethrow_exception(std::exchange(transfer.failure, nullptr));
  }
  Result result;
  const bool is_dead = hung_up_because && code != CURLE_OK;
  result.outcome = !is_dead ? outcome_of(code, text.data()) : stop() ? Outcome::stopped : Outcome::unreachable;
  result.detail = to.host + ":" + std::to_string(to.port) + ": " + (is_dead ? hung_up_because : reason_of(to, result.outcome, code, text.data()));
  blame_key(result);
  if (may_be_a_cut(to, result.outcome, code, text.data()) && guard.was_reset()) {
    result.outcome = Outcome::unreachable;
    result.detail += " (the line was cut)";
  }
  curl_off_t sent = 0;
  if (curl_easy_getinfo(h, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK) result.sent = static_cast<std::uint64_t>(sent);
  result.elapsed_ms = last_used - started_at;
  return result;
}

// A pin for another key is no reason to give up before the others were tried; a connection that died while idle is none at all.
Result Connection::Impl::attempt_target(const Target& to, const Job& job) {
  Result result;
  const auto pins = to.is_ftps() ? 1 : settings.host_key_pins.size();
  for (std::size_t tried = 0; tried < pins;) {
    if (!handle) handle.reset(curl_easy_init());
    if (!handle) throw std::bad_alloc();
    const bool reused = guard.is_open();
    if (!reused) read_credentials(to);
    job.order(to);
    result = perform(to);
    if (result.outcome == Outcome::done && job.finish) result = job.finish(to, std::move(result));
    if (result.outcome == Outcome::absent && !job.may_be_absent) result.outcome = Outcome::server_refused;
    if (result.outcome == Outcome::done || result.outcome == Outcome::absent || result.outcome == Outcome::stopped) return result;
    close();
    if (reused) continue;  // once: the next one has no connection to reuse
    if (result.outcome != Outcome::wrong_host_key) return result;
    ++tried;
    if (!to.is_ftps()) pin = (pin + 1) % pins;
  }
  return result;
}

// Whoever cuts the data connection where TLS cannot see it makes ProFTPD say "complete" of half a file. On the control connection nobody can
// lie: the rename is ordered only when the server has as many octets as were sent.
Result Connection::Impl::settle_ftps(const Target& to, const std::string& name, std::uint64_t size, const Result& sent) {
  const auto part = "incoming/." + name + ".part", folder = to.path.substr(1);
  const auto with_sent = [&sent](Result result) {
    result.sent = sent.sent;
    result.elapsed_ms += sent.elapsed_ms;
    return result;
  };
  prepare(to, part);
  set(handle.get(), CURLOPT_NOBODY, 1L);
  set(handle.get(), CURLOPT_WRITEFUNCTION, drop_octets);  // libcurl would show what it learns as a header
  set(handle.get(), CURLOPT_IGNORE_CONTENT_LENGTH, 0L);
  auto result = perform(to);
  if (result.outcome != Outcome::done) return with_sent(std::move(result));
  curl_off_t there = -1;
  if (curl_easy_getinfo(handle.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &there) != CURLE_OK || there < 0 || static_cast<std::uint64_t>(there) != size) {
    result.outcome = Outcome::server_refused;
    result.detail = to.host + ": the server has " + std::to_string(there) + " of " + std::to_string(size) + " octets";
    return with_sent(std::move(result));
  }
  List rename;
  append(rename, "RNFR " + folder + part);
  append(rename, "RNTO " + folder + "incoming/" + name);
  prepare(to, "");
  set(handle.get(), CURLOPT_NOBODY, 1L);
  set(handle.get(), CURLOPT_QUOTE, rename.get());
  return with_sent(perform(to));
}

static int gravity(Outcome outcome) {
  switch (outcome) {
    case Outcome::wrong_host_key: return 3;
    case Outcome::login_refused: return 2;
    case Outcome::server_refused: return 1;
    default: return 0;
  }
}

Result Connection::Impl::attempt(const Job& job) {
  Result worst;
  worst.detail = "no server to send to";
  for (std::size_t tried = 0; tried < targets.size(); ++tried) {
    auto result = attempt_target(targets[target], job);
    if (result.outcome == Outcome::done || result.outcome == Outcome::absent || result.outcome == Outcome::stopped) return result;
    if (tried == 0 || gravity(result.outcome) > gravity(worst.outcome)) worst = std::move(result);
    target = (target + 1) % targets.size();
  }
  return worst;
}

SourceOpener source_of(ByteView octets) {
  return [octets]() -> Source {
    return [left = octets](std::span<std::uint8_t> out) mutable {
      const auto size = std::min(out.size(), left.size());
      std::copy_n(left.begin(), size, out.begin());
      left = left.subspan(size);
      return size;
    };
  };
}

// ---- Connection -------------------------------------------------------------------------------------------------------------------

Connection::Connection(Settings settings, std::function<bool()> stop) : impl_(std::make_unique<Impl>(std::move(stop))) {
  start_library();
  for (const auto& url : settings.urls) {
    const auto target = parse_target(url);
    if (!target) throw Error(ErrorKind::config, "cannot use the URL '" + escape_untrusted(url) + "': not sftp://[user@]host[:port]/[path/] or ftps://…");
    if (!target->is_ftps() && settings.host_key_pins.empty()) throw Error(ErrorKind::config, "no host key is pinned: no connection");
    if (target->is_ftps() && settings.tls_authorities_pem.empty()) throw Error(ErrorKind::config, "no TLS authority is pinned: no connection");
    impl_->targets.push_back(*target);
  }
  impl_->settings = std::move(settings);
}

Connection::~Connection() { close(); }

Result Connection::upload(const std::string& name, std::uint64_t size, const SourceOpener& open) {
  List rename;
  Source source;
  const auto order = [&](const Target& to) {
    source = open();
    impl_->transfer = {&source, nullptr, 0, nullptr};
    impl_->prepare(to, "incoming/." + name + ".part");
    auto* h = impl_->handle.get();
    set(h, CURLOPT_UPLOAD, 1L);
    set(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    set(h, CURLOPT_READFUNCTION, give_octets);
    set(h, CURLOPT_READDATA, &impl_->transfer);
    if (to.is_ftps()) return;  // settle_ftps() renames
    // Until the rename there is no such name: a reader never sees a name whose octets are still coming.
    set(h, CURLOPT_NEW_FILE_PERMS, 0640L);
    const auto folder = to.path.substr(1) + "incoming/";
    rename.reset();
    append(rename, "rename " + folder + "." + name + ".part " + folder + name);
    set(h, CURLOPT_POSTQUOTE, rename.get());
  };
  const auto finish = [&](const Target& to, const Result& sent) { return to.is_ftps() ? impl_->settle_ftps(to, name, size, sent) : sent; };
  return impl_->attempt({.order = order, .finish = finish});
}

Result Connection::fetch(const std::string& path, std::size_t limit, Bytes& content) {
  const auto order = [&](const Target& to) {
    content.clear();
    impl_->transfer = {nullptr, &content, limit, nullptr};
    impl_->prepare(to, path);
    auto* h = impl_->handle.get();
    set(h, CURLOPT_WRITEFUNCTION, take_octets);
    set(h, CURLOPT_WRITEDATA, &impl_->transfer);
  };
  return impl_->attempt({.order = order, .may_be_absent = true});
}

void Connection::close_if_idle() {
  if (is_open() && monotonic_ms() - impl_->last_used >= impl_->settings.idle_close_ms) close();
}

void Connection::close() { impl_->close(); }

std::int64_t Connection::stuck_ms() const { return impl_->guard.stuck_ms(); }

bool Connection::is_open() const { return impl_->handle && impl_->guard.is_open(); }

}  // namespace shutterseal::transport
