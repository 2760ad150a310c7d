// SPDX-License-Identifier: Apache-2.0
// run: drains once, for cron: silent when all is well or the line is merely down. watch: stays, for a service manager.
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/uploader/commands.h"
#include "src/uploader/fence.h"
#include "src/uploader/session.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

using transport::Outcome;

// What waits in the spool was sent all the same.
static void report_place(const Session& session) {
  const auto& place = session.place();
  if (!place.is_there())
    throw Error(ErrorKind::no_input, "the capture directory '" + escape_untrusted(place.path(), kLongestSubject) + "' cannot be used: " + place.reason());
}

[[noreturn]] static void fail_with(const Sender& sender) {
  const auto kind = sender.last_outcome() == Outcome::wrong_host_key  ? ErrorKind::protocol
                    : sender.last_outcome() == Outcome::login_refused ? ErrorKind::permission
                                                                      : ErrorKind::temporary;
  throw Error(kind, escape_untrusted(sender.last_detail(), kLongestSubject));
}

static void report_ending(const Session& session, Ending ending) {
  const auto waiting = std::to_string(session.backlog().count);
  if (session.is_spool_full()) throw Error(ErrorKind::cannot_create, "the spool is full (spool-limit): pictures stay in the capture directory unsealed");
  if (ending != Ending::failed) return;
  switch (session.sender().last_outcome()) {
    case Outcome::unreachable: return;  // it happens; the spool keeps everything
    case Outcome::done:
    case Outcome::absent: throw Error(ErrorKind::temporary, "no receipt yet for " + waiting + " envelopes: they stay in the spool");
    default: fail_with(session.sender());
  }
}

int run_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  static_cast<void>(load_identity(context));
  make_state_dirs(context);
  const auto lock = FileLock::try_lock(context.run_lock);
  if (!lock) return 0;  // watch, or an earlier run, does the work already
  StopSignal stop_signal;
  const Log log(kProgram, true, std::min(context.settings.log_level, LogLevel::warning));
  mend_state(context, [&log](const LogLine& line) { log.error(line); });
  if (const auto word = what_keeps_out(context, "shutterseal-upload-run")) log.write(LogLevel::error, *word);
  const auto passphrase = obtain_passphrase(context, false);
  std::size_t rejected = 0;
  for (auto ending = Ending::new_bundle; ending == Ending::new_bundle;) {
    Session session(context, passphrase, log, stop_signal);
    ending = session.run();
    rejected += session.rejected();
    report_ending(session, ending);
    report_place(session);
  }
  if (rejected != 0) throw Error(ErrorKind::data, std::to_string(rejected) + " files were no pictures, or cannot be read: see rejected/ in the capture directory");
  return 0;
}

// watch alone: its service starts it again whatever it ends with, but not for this. A TPM or token counts wrong PINs.
static constexpr int kWrongPin = 81;

static int watch_until_stopped(const Context& context, const Log& log, StopSignal& stop_signal) try {
  const auto passphrase = obtain_passphrase(context, false);
  log.info(LogLine("started"));
  for (auto ending = Ending::new_bundle; ending == Ending::new_bundle;) ending = Session(context, passphrase, log, stop_signal).watch();
  log.info(LogLine("stopped"));
  return 0;
} catch (const Error& error) {
  if (error.kind() != ErrorKind::wrong_pin) throw;
  log.write(LogLevel::error, error.what());
  return kWrongPin;
}

int watch_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  static_cast<void>(load_identity(context));
  make_state_dirs(context);
  const auto lock = FileLock::try_lock(context.run_lock);
  if (!lock) throw Error(ErrorKind::temporary, "another run or watch is running with this state directory");
  StopSignal stop_signal;
  const Log log(kProgram, true, context.settings.log_level);
  mend_state(context, [&log](const LogLine& line) { log.error(line); });
  if (const auto word = what_keeps_out(context, "shutterseal-upload")) log.write(LogLevel::error, *word);
  return watch_until_stopped(context, log, stop_signal);
}

}  // namespace shutterseal::uploader
