// SPDX-License-Identifier: Apache-2.0
#include "src/transport/ssh_agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "src/base/error.h"
#include "src/base/fd.h"

namespace shutterseal::transport {

enum Message : std::uint8_t { failure = 5, request_identities = 11, identities_answer = 12, sign_request = 13, sign_response = 14 };
static constexpr std::uint8_t kUserauthRequest = 50;
static constexpr std::size_t kLargestMessage = 4096;
static constexpr std::size_t kMostClients = 8;
static constexpr std::size_t kShortestSession = 20, kLongestSession = 64;  // SHA-1's and SHA-512's exchange hashes
static constexpr std::string_view kAlgorithm = "ecdsa-sha2-nistp256";

// RFC 4251 section 5.
class WireReader {
 public:
  explicit WireReader(ByteView rest) : rest_(rest) {}
  std::uint8_t octet() {
    const auto one = take(1);
    return one.empty() ? 0 : one.front();
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (const auto one : take(4)) value = value << 8 | one;
    return value;
  }
  ByteView string() { return take(number()); }
  [[nodiscard]] bool ended_well() const { return good_ && rest_.empty(); }

 private:
  ByteView take(std::size_t size) {
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  ByteView rest_;
  bool good_ = true;
};

static void put_number(Bytes& out, std::size_t value) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

static void put_string(Bytes& out, ByteView value) {
  put_number(out, value.size());
  out.insert(out.end(), value.begin(), value.end());
}

static bool is_key(ByteView blob, const SshIdentity& identity) { return std::ranges::equal(blob, identity.public_blob); }

bool is_login(ByteView data, const SshIdentity& identity) {
  WireReader reader(data);
  const auto session = reader.string();
  const auto type = reader.octet();
  const auto user = as_text(reader.string()), service = as_text(reader.string()), method = as_text(reader.string());
  const auto has_signature = reader.octet();
  const auto algorithm = as_text(reader.string());
  const auto key = reader.string();
  return reader.ended_well() && session.size() >= kShortestSession && session.size() <= kLongestSession && type == kUserauthRequest &&
         std::ranges::find(identity.users, user) != identity.users.end() && service == "ssh-connection" && method == "publickey" &&
         has_signature == 1 && algorithm == kAlgorithm && is_key(key, identity);
}

// ---- the socket -------------------------------------------------------------------------------------------------------------------

struct Socket {
  Fd listener, inode;  // the second: what a client may connect to, by its number, after the name has gone
};

static Fd bind_in(const std::string& path) {
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  SHUTTERSEAL_BUG_UNLESS(path.size() < sizeof address.sun_path);
  if (!listener) throw_errno("cannot make", "a socket");
  std::copy(path.begin(), path.end(), address.sun_path);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(listener.get(), kMostClients) != 0)
    throw_errno("cannot listen on", path);
  return listener;
}

static Socket bind_below(const std::string& parent) {
  auto dir = parent + "/shutterseal-XXXXXX";
  if (!::mkdtemp(dir.data())) throw_errno("cannot make", dir);
  const auto path = dir + "/agent";
  Socket made;
  try {
    made.listener = bind_in(path);
    made.inode = Fd(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!made.inode) throw_errno("cannot open", path);
  } catch (...) {
    ::unlink(path.c_str());
    ::rmdir(dir.c_str());
    throw;
  }
  ::unlink(path.c_str());
  ::rmdir(dir.c_str());
  return made;
}

// In a directory that only we can enter, and both names go at once. Memory first: a full disk must not stop what would empty it.
static Socket make_socket() {
  try {
    return bind_below("/dev/shm");
  } catch (const Error&) {
    return bind_below("/tmp");
  }
}

// Once a process: an environment must not change while libraries' threads may read it.
static const Socket& the_socket() {
  static const Socket socket = [] {
    auto made = make_socket();
    if (::setenv("SSH_AUTH_SOCK", ("/proc/self/fd/" + std::to_string(made.inode.get())).c_str(), 1) != 0) throw_errno("cannot set", "SSH_AUTH_SOCK");
    return made;
  }();
  return socket;
}

static bool is_ourselves(int client) {
  struct ucred peer {};
  socklen_t size = sizeof peer;
  return ::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == ::getpid();
}

static bool receive(int fd, std::span<std::uint8_t> out) {
  return ::recv(fd, out.data(), out.size(), MSG_WAITALL) == static_cast<ssize_t>(out.size());
}

// ---- the agent --------------------------------------------------------------------------------------------------------------------

struct SshAgent::Impl {
  SshIdentity identity;
  Fd wake{::eventfd(0, EFD_CLOEXEC)};
  std::vector<Fd> clients;
  std::mutex mutex;
  std::string failure_text;
  std::thread thread;

  Bytes identities() const;
  Bytes sign(WireReader request);
  Bytes answer(ByteView message);
  bool serve(int client);
  void take_client();
  void run();
};

Bytes SshAgent::Impl::identities() const {
  Bytes out{identities_answer};
  put_number(out, 1);
  put_string(out, identity.public_blob);
  put_string(out, {});
  return out;
}

Bytes SshAgent::Impl::sign(WireReader request) {
  const auto key = request.string(), data = request.string();
  const auto flags = request.number();
  if (!request.ended_well() || flags != 0 || !is_key(key, identity) || !is_login(data, identity)) return {failure};
  try {
    Bytes out{sign_response};
    put_string(out, identity.sign(data));
    return out;
  } catch (const Error& error) {
    const std::lock_guard lock(mutex);
    failure_text = error.what();
    return {failure};
  }
}

Bytes SshAgent::Impl::answer(ByteView message) {
  WireReader reader(message);
  const auto type = reader.octet();
  if (type == request_identities && reader.ended_well()) return identities();
  return type == sign_request ? sign(reader) : Bytes{failure};
}

// One message. False: this client is to be let go.
bool SshAgent::Impl::serve(int client) {
  std::array<std::uint8_t, 4> head{};
  if (!receive(client, head)) return false;
  const auto size = WireReader(head).number();
  if (size == 0 || size > kLargestMessage) return false;
  Bytes message(size);
  if (!receive(client, message)) return false;
  Bytes out;
  put_string(out, answer(message));
  return ::send(client, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

void SshAgent::Impl::take_client() {
  Fd client(::accept4(the_socket().listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client || clients.size() >= kMostClients || !is_ourselves(client.get())) return;
  const struct timeval patience {5, 0};
  static_cast<void>(::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
  clients.push_back(std::move(client));
}

void SshAgent::Impl::run() {
  for (;;) {
    std::vector<struct pollfd> waited{{wake.get(), POLLIN, 0}, {the_socket().listener.get(), POLLIN, 0}};
    for (const auto& client : clients) waited.push_back({client.get(), POLLIN, 0});
    if (::poll(waited.data(), waited.size(), -1) < 0) continue;
    if (waited[0].revents != 0) return;
    for (std::size_t i = waited.size() - 1; i >= 2; --i)
      if (waited[i].revents != 0 && !serve(waited[i].fd)) clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i - 2));
    if (waited[1].revents != 0) take_client();
  }
}

SshAgent::SshAgent(SshIdentity identity) : impl_(std::make_unique<Impl>()) {
  static_cast<void>(the_socket());
  if (!impl_->wake) throw_errno("cannot make", "an event");
  impl_->identity = std::move(identity);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

SshAgent::~SshAgent() {
  static_cast<void>(::eventfd_write(impl_->wake.get(), 1));
  impl_->thread.join();
}

std::string SshAgent::take_failure() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->failure_text, {});
}

}  // namespace shutterseal::transport
