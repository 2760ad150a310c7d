// SPDX-License-Identifier: Apache-2.0
// What the daemon believes of a verifier, and that nobody changes a snapshot.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/ingestd/snapshot.h"
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

TEST_CASE("a snapshot cannot be written, and a file that grows or shrinks meanwhile gives none") {
  const Fd file(::memfd_create("drop", MFD_CLOEXEC));
  write_all(file.get(), as_bytes("0123456789"), "drop");
  const auto rewind = [&] { REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0); };
  rewind();
  CHECK_FALSE(Snapshot::take(file.get(), 9));
  rewind();
  CHECK_FALSE(Snapshot::take(file.get(), 11));
  rewind();
  const auto snapshot = Snapshot::take(file.get(), 10);
  REQUIRE(snapshot);
  CHECK(as_text(snapshot->view()) == "0123456789");
  CHECK(::pwrite(snapshot->fd(), "x", 1, 0) < 0);
  CHECK(::ftruncate(snapshot->fd(), 0) < 0);
}

}  // namespace shutterseal::ingestd
