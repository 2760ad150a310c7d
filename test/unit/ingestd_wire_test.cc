// SPDX-License-Identifier: Apache-2.0
// What the daemon believes of a verifier, and that nobody changes what is judged.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "src/base/file.h"
#include "src/ingestd/arena.h"
#include "src/ingestd/wire.h"

namespace shutterseal::ingestd {

static envelope::Judged good() {
  envelope::Judged judged;
  judged.verdict = Verdict::accepted;
  judged.size = 1000;
  judged.passage.camera = "101";
  judged.passage.sequence = 5;
  judged.passage.note = "tamper";
  return judged;
}

TEST_CASE("an answer goes over the wire and back") {
  const auto again = from_answer(to_answer(good(), true));
  REQUIRE(again);
  CHECK(again->passage.camera == "101");
  CHECK(again->passage.note == "tamper");
  CHECK(again->verdict == Verdict::accepted);
}

TEST_CASE("nonsense of a verifier that was taken over is not an answer") {
  const auto refused = [](const std::function<void(Answer&)>& spoil) {
    auto answer = to_answer(good(), true);
    spoil(answer);
    return !from_answer(answer);
  };
  CHECK(refused([](Answer& a) { a.verdict = static_cast<std::uint8_t>(Verdict::duplicate); }));
  CHECK(refused([](Answer& a) { a.verdict = 200; }));
  CHECK(refused([](Answer& a) { a.has_passage = 0; }));
  CHECK(refused([](Answer& a) { a.sequence = 0; }));
  CHECK(refused([](Answer& a) { a.sequence = ~std::uint64_t{0}; }));
  CHECK(refused([](Answer& a) { a.sealed_at = -1; }));
  CHECK(refused([](Answer& a) { a.kind = 2; }));
  CHECK(refused([](Answer& a) { a.camera_size = 255; }));
  CHECK(refused([](Answer& a) { a.camera[0] = '/'; }));
  CHECK(refused([](Answer& a) { a.note[0] = '\xff'; }));
}

TEST_CASE("a request comes with the memory that it speaks of, or with none") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd ours(ends[0]), theirs(ends[1]);
  Arena arena;
  arena.load(as_bytes("0123456789"));
  auto request = std::make_unique<Request>(), got = std::make_unique<Request>();
  Fd memory;
  request->capacity = arena.capacity();
  REQUIRE(send_request(ours.get(), *request, arena.fd()));
  REQUIRE(receive_request(theirs.get(), *got, memory));
  CHECK(got->capacity == arena.capacity());
  CHECK(memory);
  request->capacity = 0;
  REQUIRE(send_request(ours.get(), *request, arena.fd()));
  REQUIRE(receive_request(theirs.get(), *got, memory));
  CHECK_FALSE(memory);
  request->capacity = 1;
  REQUIRE(::send(ours.get(), request.get(), sizeof *request, 0) == sizeof *request);
  CHECK_FALSE(receive_request(theirs.get(), *got, memory));
}

TEST_CASE("a memory has its number for as long as it is the same") {
  Arena arena, other;
  arena.load(as_bytes("0123456789"));
  other.load(as_bytes("0123456789"));
  const auto first = arena.memory();
  CHECK(first != other.memory());
  arena.load(as_bytes("01234"));
  CHECK(arena.memory() == first);
  arena.load(Bytes(std::size_t{20} << 20));
  CHECK(arena.memory() != first);
}

static Fd drop_of(std::string_view content) {
  Fd file(::memfd_create("drop", MFD_CLOEXEC));
  write_all(file.get(), as_bytes(content), "drop");
  return file;
}

TEST_CASE("a drop that grows or shrinks meanwhile is not loaded") {
  const auto file = drop_of("0123456789");
  Arena arena;
  CHECK_FALSE(arena.load(file.get(), 9));
  CHECK_FALSE(arena.load(file.get(), 11));
  REQUIRE(arena.load(file.get(), 10));
  CHECK(as_text(arena.view()) == "0123456789");
}

TEST_CASE("nobody changes an arena through the descriptor that a verifier gets") {
  Arena arena;
  arena.load(as_bytes("0123456789"));
  CHECK(::pwrite(arena.fd(), "x", 1, 0) < 0);
  CHECK(::ftruncate(arena.fd(), 0) < 0);
  CHECK(::mmap(nullptr, 10, PROT_READ | PROT_WRITE, MAP_SHARED, arena.fd(), 0) == MAP_FAILED);
  auto* theirs = ::mmap(nullptr, 10, PROT_READ, MAP_SHARED, arena.fd(), 0);
  REQUIRE(theirs != MAP_FAILED);
  CHECK(::mprotect(theirs, 10, PROT_READ | PROT_WRITE) != 0);
  ::munmap(theirs, 10);
  CHECK(as_text(arena.view()) == "0123456789");
}

TEST_CASE("an arena shows the drop that was loaded last, whatever their sizes") {
  Arena arena;
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{20} << 20, std::size_t{3} << 20, std::size_t{1}}) {
    const std::string content(size, static_cast<char>('a' + size % 26));
    REQUIRE(arena.load(drop_of(content).get(), size));
    CHECK(as_text(arena.view()) == content);
  }
}

}  // namespace shutterseal::ingestd
