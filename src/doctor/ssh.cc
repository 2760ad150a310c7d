// SPDX-License-Identifier: Apache-2.0
#include "src/doctor/ssh.h"

#include <libssh2.h>

#include <array>

#include "src/base/error.h"
#include "src/base/time.h"
#include "src/envelope/keys.h"

namespace shutterseal::doctor {

static constexpr std::size_t kMostOutput = 64 * 1024;

void SessionEnd::operator()(_LIBSSH2_SESSION* session) const {
  static_cast<void>(libssh2_session_disconnect(session, "done"));
  static_cast<void>(libssh2_session_free(session));
}

void ChannelEnd::operator()(_LIBSSH2_CHANNEL* channel) const { static_cast<void>(libssh2_channel_free(channel)); }

std::optional<Ssh> Ssh::open(const std::string& host, unsigned port, const std::string& from, std::int64_t timeout_ms) {
  static const int started = libssh2_init(0);
  if (started != 0) throw Error(ErrorKind::internal, "libssh2 does not start");
  auto tcp = Tcp::connect(host, port, from, timeout_ms);
  if (!tcp) return std::nullopt;
  Ssh ssh(std::move(*tcp), timeout_ms);
  ssh.session_.reset(libssh2_session_init());
  if (!ssh.session_) throw std::bad_alloc();
  libssh2_session_set_timeout(ssh.session_.get(), static_cast<long>(timeout_ms));
  if (libssh2_session_handshake(ssh.session_.get(), ssh.tcp_.fd()) != 0) return std::nullopt;
  return ssh;
}

std::string Ssh::host_key_pin() const {
  const auto* hash = libssh2_hostkey_hash(session_.get(), LIBSSH2_HOSTKEY_HASH_SHA256);
  if (!hash) return "unknown";
  auto text = envelope::encode_base64({static_cast<const std::uint8_t*>(static_cast<const void*>(hash)), 32});
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

// ---- login --------------------------------------------------------------------------------------------------------------------------

std::string Ssh::methods(const std::string& user) {
  const char* list = libssh2_userauth_list(session_.get(), user.c_str(), static_cast<unsigned>(user.size()));
  if (list) return list;
  return libssh2_userauth_authenticated(session_.get()) ? "none" : "";
}

bool Ssh::login_with_key(const std::string& user, const Secret& private_key) {
  return libssh2_userauth_publickey_frommemory(session_.get(), user.c_str(), user.size(), nullptr, 0, private_key.c_str(), private_key.view().size(), nullptr) == 0;
}

bool Ssh::login_with_password(const std::string& user, const std::string& password) {
  return libssh2_userauth_password_ex(session_.get(), user.c_str(), static_cast<unsigned>(user.size()), password.c_str(),
                                      static_cast<unsigned>(password.size()), nullptr) == 0;
}

// ---- channels -----------------------------------------------------------------------------------------------------------------------

Channel Ssh::channel() { return Channel(libssh2_channel_open_session(session_.get())); }

// libssh2's own timeout is of each read: one octet at a time would hold us for ever.
static std::string read_all(_LIBSSH2_CHANNEL* channel, std::int64_t timeout_ms) {
  const auto until = monotonic_ms() + timeout_ms;
  std::string text;
  std::array<char, 4096> buffer{};
  while (text.size() < kMostOutput && monotonic_ms() < until) {
    const auto got = libssh2_channel_read(channel, buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

bool Ssh::gives_terminal() {
  const auto open = channel();
  return open && libssh2_channel_request_pty(open.get(), "xterm") == 0;
}

// A forced internal-sftp says yes to "shell" and "exec" and runs itself: only an answer that had to be computed shows a command line.
bool Ssh::gives_shell() {
  static constexpr std::string_view kLine = "echo doctor$((20+22)); exit\n";
  const auto open = channel();
  if (!open || libssh2_channel_shell(open.get()) != 0) return false;
  if (libssh2_channel_write(open.get(), kLine.data(), kLine.size()) < 0) return false;
  static_cast<void>(libssh2_channel_send_eof(open.get()));
  return read_all(open.get(), timeout_ms_).find("doctor42") != std::string::npos;
}

bool Ssh::runs(const std::string& command, const std::string& answer) {
  const auto open = channel();
  if (!open || libssh2_channel_exec(open.get(), command.c_str()) != 0) return false;
  static_cast<void>(libssh2_channel_send_eof(open.get()));
  return read_all(open.get(), timeout_ms_).find(answer) != std::string::npos;
}

bool Ssh::takes_agent() {
  const auto open = channel();
  return open && libssh2_channel_request_auth_agent(open.get()) == 0;
}

bool Ssh::forwards_x11() {
  const auto open = channel();
  return open && libssh2_channel_x11_req(open.get(), 0) == 0;
}

// "connect failed" is a yes, too: the server tried.
bool Ssh::forwards_to(const std::string& host, int port) {
  const Channel open(libssh2_channel_direct_tcpip(session_.get(), host.c_str(), port));
  if (open) return true;
  char* text = nullptr;
  int size = 0;
  static_cast<void>(libssh2_session_last_error(session_.get(), &text, &size, 0));
  const std::string words(text ? text : "", static_cast<std::size_t>(size));
  return words.find("connect failed") != std::string::npos;
}

bool Ssh::listens_for_us() {
  auto* listener = libssh2_channel_forward_listen(session_.get(), 0);
  if (!listener) return false;
  static_cast<void>(libssh2_channel_forward_cancel(listener));
  return true;
}

}  // namespace shutterseal::doctor
