// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "src/doctor/kexinit.h"

namespace shutterseal::doctor {

static Bytes kexinit(const std::vector<std::string>& lists) {
  Bytes payload(17, 0);
  payload[0] = 20;
  for (const auto& list : lists) {
    for (int shift = 24; shift >= 0; shift -= 8) payload.push_back(static_cast<std::uint8_t>(list.size() >> shift));
    payload.insert(payload.end(), list.begin(), list.end());
  }
  return payload;
}

static const std::vector<std::string> kLists{"curve25519-sha256,diffie-hellman-group1-sha1", "ssh-ed25519,ssh-rsa", "aes256-ctr", "aes128-cbc,aes256-ctr",
                                             "hmac-sha2-256", "hmac-md5", "none", "none", "", ""};

TEST_CASE("a server's offer is read, and what is weak in either direction is named") {
  const auto offer = parse_kexinit(kexinit(kLists));
  REQUIRE(offer);
  CHECK(weak_kex(offer->kex) == std::vector<std::string>{"diffie-hellman-group1-sha1"});
  CHECK(weak_host_keys(offer->host_keys) == std::vector<std::string>{"ssh-rsa"});
  CHECK(weak_ciphers(offer->ciphers) == std::vector<std::string>{"aes128-cbc"});
  CHECK(weak_macs(offer->macs) == std::vector<std::string>{"hmac-md5"});
}

TEST_CASE("a cut or lying offer is none, wherever it is cut") {
  const auto whole = kexinit(kLists);
  const std::size_t needed = kexinit({kLists.begin(), kLists.begin() + 8}).size();
  for (std::size_t size = 0; size < needed; ++size) CHECK_FALSE(parse_kexinit(ByteView(whole).first(size)));
  for (std::size_t at = 17; at < 21; ++at) {
    auto lying = whole;
    lying[at] = 0xff;
    CHECK_FALSE(parse_kexinit(lying));
  }
  auto other = whole;
  other[0] = 21;
  CHECK_FALSE(parse_kexinit(other));
  CHECK_FALSE(parse_kexinit(kexinit({"\x1b[2J", "", "", "", "", "", "", ""})));
}

// Says one octet each 50 ms and ends the line after two seconds.
struct DrippingServer {
  Fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  unsigned port = 0;
  std::thread thread;
  DrippingServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener.get(), generic, size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
    port = ntohs(address.sin_port);
    thread = std::thread([this] {
      const Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      for (int i = 0; i < 40 && ::send(peer.get(), i == 39 ? "\n" : "x", 1, MSG_NOSIGNAL) == 1; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    });
  }
  ~DrippingServer() { thread.join(); }
};

TEST_CASE("a server that drips octets does not hold the doctor") {
  DrippingServer server;
  auto tcp = Tcp::connect("127.0.0.1", server.port, "", 300);
  REQUIRE(tcp);
  CHECK_FALSE(tcp->read_line(255));
}

}  // namespace shutterseal::doctor
