// SPDX-License-Identifier: Apache-2.0
// The agent signs logins of its own users, for its own process, and nothing else.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/transport/ssh_agent.h"

namespace shutterseal::transport {

static void put(Bytes& out, std::string_view text) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(text.size() >> shift));
  out.insert(out.end(), text.begin(), text.end());
}

struct Claim {
  std::string session = std::string(32, 's');
  std::uint8_t type = 50;
  std::string user = "cam-101", service = "ssh-connection", method = "publickey";
  std::uint8_t has_signature = 1;
  std::string algorithm = "ecdsa-sha2-nistp256", key = "our key", behind = "";

  [[nodiscard]] Bytes octets() const {
    Bytes out;
    put(out, session);
    out.push_back(type);
    for (const auto& text : {user, service, method}) put(out, text);
    out.push_back(has_signature);
    for (const auto& text : {algorithm, key}) put(out, text);
    out.insert(out.end(), behind.begin(), behind.end());
    return out;
  }
};

static SshIdentity test_identity() {
  return {Bytes{'o', 'u', 'r', ' ', 'k', 'e', 'y'}, [](ByteView data) {
            if (data.size() > 500) throw Error(ErrorKind::unavailable, "no chip");
            return Bytes{'s', 'i', 'g'};
          }, {"cam-101", "other"}};
}

static Fd connect_to_agent() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const std::string path = std::getenv("SSH_AUTH_SOCK");
  std::copy(path.begin(), path.end(), address.sun_path);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// Sends one message; the answer, or nothing when the agent hung up.
static std::string ask(int fd, const Bytes& message) {
  Bytes framed;
  put(framed, as_text(message));
  if (::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL) < 0) return {};
  std::uint8_t head[4];
  if (::recv(fd, head, sizeof head, MSG_WAITALL) != sizeof head) return {};
  std::string answer(static_cast<std::size_t>(head[2]) << 8 | head[3], '\0');
  REQUIRE(::recv(fd, answer.data(), answer.size(), MSG_WAITALL) == static_cast<ssize_t>(answer.size()));
  return answer;
}

static Bytes sign_request(const Bytes& data, std::string_view key = "our key", std::uint8_t flags = 0) {
  Bytes out{13};
  put(out, key);
  put(out, as_text(data));
  out.insert(out.end(), {0, 0, 0, flags});
  return out;
}

static const std::string kRefused("\x05", 1);

TEST_CASE("a login is signed, for each of its users, again and on several connections") {
  SshAgent agent(test_identity());
  const auto one = connect_to_agent(), two = connect_to_agent();
  for (const auto* fd : {&one, &two, &one}) {
    CHECK(ask(fd->get(), {11}) == std::string("\x0c\0\0\0\1\0\0\0\7our key\0\0\0\0", 20));
    CHECK(ask(fd->get(), sign_request(Claim{}.octets())) == std::string("\x0e\0\0\0\3sig", 8));
  }
  Claim other;
  other.user = "other";
  CHECK(ask(two.get(), sign_request(other.octets()))[0] == 14);
  CHECK(agent.take_failure().empty());
}

TEST_CASE("what is no login of ours is not signed") {
  SshAgent agent(test_identity());
  const auto fd = connect_to_agent();
  const auto refused = [&](const char* what, auto change) {
    CAPTURE(what);
    Claim claim;
    change(claim);
    CHECK(ask(fd.get(), sign_request(claim.octets())) == kRefused);
  };
  refused("another user", [](Claim& c) { c.user = "root"; });
  refused("a user cut short", [](Claim& c) { c.user = "cam-10"; });
  refused("no session", [](Claim& c) { c.session.clear(); });
  refused("a long session", [](Claim& c) { c.session.resize(65); });
  refused("another message", [](Claim& c) { c.type = 51; });
  refused("another service", [](Claim& c) { c.service = "ssh-userauth"; });
  refused("by host", [](Claim& c) { c.method = "hostbased"; });
  refused("a query", [](Claim& c) { c.has_signature = 0; });
  refused("another algorithm", [](Claim& c) { c.algorithm = "ssh-rsa"; });
  refused("another key", [](Claim& c) { c.key = "a key"; });
  refused("octets behind", [](Claim& c) { c.behind = "x"; });
  for (std::size_t size = 0; size < Claim{}.octets().size(); ++size) {
    auto cut = Claim{}.octets();
    cut.resize(size);
    CHECK(ask(fd.get(), sign_request(cut)) == kRefused);
  }
  CHECK(ask(fd.get(), sign_request(Claim{}.octets(), "a key")) == kRefused);
  CHECK(ask(fd.get(), sign_request(Claim{}.octets(), "our key", 4)) == kRefused);
  CHECK(ask(fd.get(), sign_request({'J', 'P', 'E', 'G'})) == kRefused);
  CHECK(ask(fd.get(), {17}) == kRefused);
  CHECK(ask(fd.get(), {11, 0}) == kRefused);
  CHECK(ask(fd.get(), {13}) == kRefused);
  CHECK(ask(fd.get(), sign_request(Claim{}.octets()))[0] == 14);
  const auto another = connect_to_agent();
  CHECK(ask(another.get(), Bytes(5000)).empty());
}

TEST_CASE("a key that cannot sign is told apart from one that is refused") {
  auto identity = test_identity();
  identity.users = {std::string(600, 'u')};
  SshAgent agent(identity);
  const auto fd = connect_to_agent();
  Claim claim;
  claim.user = identity.users[0];
  CHECK(ask(fd.get(), sign_request(claim.octets())) == kRefused);
  CHECK(agent.take_failure() == "no chip");
  CHECK(agent.take_failure().empty());
}

TEST_CASE("another process gets no answer, even one that inherited the way in") {
  SshAgent agent(test_identity());
  const auto child = ::fork();
  if (child == 0) {
    const auto fd = connect_to_agent();
    ::_exit(ask(fd.get(), sign_request(Claim{}.octets())).empty() ? 7 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
}

}  // namespace shutterseal::transport
