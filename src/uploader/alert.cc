// SPDX-License-Identifier: Apache-2.0
// alert: seals an event into the chain, at any time, beside run and watch, and sends it at once over a connection of its own: the line that they
// use may be busy with a thousand pictures. What could not be sent is in the spool, where events go first.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <optional>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/program.h"
#include "src/base/text.h"
#include "src/base/time.h"
#include "src/uploader/commands.h"
#include "src/uploader/parcel.h"
#include "src/uploader/state.h"
#include "src/uploader/station.h"

namespace shutterseal::uploader {

using transport::Outcome;

static constexpr std::size_t kLongestText = 4096;
static constexpr std::size_t kLargestEnvelope = 64 * 1024;
static constexpr int kTries = 3, kPauseMs = 1000, kTurnPollMs = 50;
static constexpr std::int64_t kLongestTurnMs = 10'000, kLongestWaitMs = 60'000;

static void check_note(const std::string& note) {
  const bool plain = std::all_of(note.begin(), note.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (note.empty() || note.size() > envelope::kLongestNote || !plain) throw Error(ErrorKind::usage, "an alert's type is 1 to 255 printable characters");
}

static std::string text_of(const config::Arguments& arguments) {
  const auto& operands = arguments.operands();
  if (operands.size() < 2 || operands.size() > 3) throw Error(ErrorKind::usage, "alert needs a TYPE, and may have a TEXT (see --help)");
  check_note(operands[1]);
  auto text = operands.size() == 3 ? operands[2] : operands[1];
  if (text.empty() || text.size() > kLongestText || !is_utf8(text)) throw Error(ErrorKind::usage, "an alert's text is 1 to 4096 octets of UTF-8");
  return text;
}

// Another name than run or watch would give it: they may find it in the spool and send it at the same time, and two writers of one unfinished file
// would make a broken one. What arrives twice is stored once.
static std::string name_of(const Envelope& event) { return "alarm-" + make_parcel({event}).name; }

// A sensor that chatters starts many of us, and sshd lets a camera in eight times: one after the other. Each that comes to its turn touches the file; on a
// line that is dead nobody does, and the others end instead of piling up. Nothing: it is not our turn.
static std::optional<FileLock> wait_for_turn(const std::string& path) {
  const auto deadline = monotonic_ms() + kLongestWaitMs;
  for (;;) {
    if (auto lock = FileLock::try_lock(path)) {
      static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0));
      return lock;
    }
    struct stat info {};
    const bool is_known = ::stat(path.c_str(), &info) == 0;
    if (monotonic_ms() >= deadline || !is_known || std::abs(now_ms() - mtime_ms(info)) > kLongestTurnMs) return std::nullopt;
    static_cast<void>(::poll(nullptr, 0, kTurnPollMs));
  }
}

struct SealedEvent {
  Envelope envelope;
  Bytes octets;
};

// What goes out is what the name says, and an alarm does not wait for a bad block: it is sealed once more, and the other is put aside by run or watch.
static SealedEvent seal(Station& station, const Spool& spool, const std::string& note, const std::string& text) {
  for (int tried = 0; tried < kTries; ++tried) {
    auto event = station.seal_event(note, text);
    try {
      auto octets = read_file_at(spool.dir(), event.name.text(), kLargestEnvelope);
      if (envelope::sha256(octets) == event.name.digest) return {event, std::move(octets)};
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::system) throw;
    }
  }
  throw Error(ErrorKind::io, "the event is sealed and cannot be read again: the disk of '" + spool.path() + "' damages what is written to it");
}

static bool may_be_tried_again(Outcome outcome) { return outcome == Outcome::unreachable || outcome == Outcome::server_refused; }

static Error not_sent(const Envelope& event, const std::string& reason) {
  return {ErrorKind::temporary, fmt::format("event {} is sealed and not sent: {}; it stays in the spool and goes first", event.name.sequence, reason)};
}

static void send(const Envelope& event, const Bytes& octets, transport::Settings settings) {
  StopSignal stop_signal;
  transport::Connection connection(std::move(settings), [&stop_signal] { return stop_signal.stop_requested(); });
  transport::Result result;
  for (int tried = 0; tried < kTries; ++tried) {
    struct pollfd waited {
      stop_signal.fd(), POLLIN, 0
    };
    if (tried != 0) static_cast<void>(::poll(&waited, 1, kPauseMs));
    result = connection.upload(name_of(event), octets.size(), transport::source_of(octets));
    if (!may_be_tried_again(result.outcome)) break;
  }
  if (result.outcome == Outcome::done) return;
  throw not_sent(event, escape_untrusted(result.detail, kLongestSubject));
}

int alert_command(const config::Arguments& arguments) {
  const auto text = text_of(arguments);
  const auto context = load_context(arguments);
  const auto identity = load_identity(context);
  make_state_dirs(context);
  mend_chain(context, [](const LogLine& line) { Log(kProgram, true, LogLevel::warning).error(line); });
  const auto passphrase = obtain_passphrase(context, false);
  auto opening = std::async(std::launch::async, [&] { return open_ssh_key(context, passphrase); });
  const auto sealer = make_sealer(context, identity, passphrase);
  Spool spool(context.paths.spool);
  Station station(context, identity, *sealer, nullptr, spool);
  const auto [event, octets] = seal(station, spool, arguments.operands()[1], text);
  Login login(opening.get(), identity);
  const auto turn = wait_for_turn(context.state + "/alert.lock");
  if (!turn) throw not_sent(event, "others before it have the line");
  send(event, octets, transport_settings(context, identity, login));
  say("sealed as {} of this chain, sent\n", event.name.sequence);
  return 0;
}

}  // namespace shutterseal::uploader
