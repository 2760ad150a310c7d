// SPDX-License-Identifier: Apache-2.0
// shutterseal-ingestd(8): from drop directories to evidence.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstring>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/ingestd/alert_runner.h"
#include "src/ingestd/daemon.h"
#include "src/ingestd/verify.h"
#include "src/ingestd/worker.h"
#include "src/server/trust.h"

namespace shutterseal::ingestd {

static std::vector<config::Option> options() {
  auto all = config::common_options();
  all.insert(all.end(), {{"once", "", "take what is there and exit"},
                         {"foreground", "", "log to standard error, not to syslog"},
                         {"alert-runner", "", "run alert-command for what comes from descriptor 3 (for systemd)"}});
  return all;
}

// Descriptors are bounded by the pipeline, but a parcel of a thousand small envelopes already needs more than the usual soft limit.
static void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot read", "the limit of descriptors");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot raise", "the limit of descriptors");
}

// What ends each start: the same files, as the account that will read them.
static void check_start(const Context& context) {
  static constexpr std::size_t kLargestKeyFile = 64 * 1024;
  const auto& paths = context.paths;
  if (!exists(paths.receipt_key)) throw Error(ErrorKind::config, "no receipt key '" + paths.receipt_key + "': run 'shutterseal init' first");
  auto pem = read_file(paths.receipt_key, kLargestKeyFile);
  static_cast<void>(envelope::ReceiptKey::from_pem(pem, paths.receipt_key));
  wipe(pem.data(), pem.size());
  static_cast<void>(server::read_certificates(paths.custodians));
  static_cast<void>(registry::Registry(paths.cameras).list());
}

static int serve(const Context& context, bool once, bool foreground) {
  StopSignal stop_signal;  // first: a signal to reload or stop must never meet its default while we start
  raise_descriptor_limit();
  if (!exists(context.paths.receipt_key))
    throw Error(ErrorKind::config, "no receipt key '" + context.paths.receipt_key + "': run 'shutterseal init' first");
  make_dirs(context.paths.run_dir, 0750);
  const auto lock = FileLock::try_lock(context.paths.run_dir + "/ingestd.lock");
  if (!lock) throw Error(ErrorKind::temporary, "another shutterseal-ingestd is running");
  const Log log(kProgram, foreground, context.settings.log_level);
  Verifier(context.settings, log).prove();  // before anything is taken
  log.info(LogLine("started"));
  Daemon daemon(context, log, stop_signal, once ? Patience::give_up : Patience::wait);
  if (once)
    daemon.run_once();
  else
    daemon.run();
  log.info(LogLine("stopped"));
  return 0;
}

static int serve_alerts(const Context& context, bool foreground) {
  StopSignal stop_signal;
  const Log log(kProgram, foreground, context.settings.log_level);
  run_alerts(context, log, stop_signal);
  return 0;
}

static int run(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--verifier") == 0) return verifier_main();
  const auto arguments = config::parse_arguments(argc, argv, options());
  if (arguments.has("help")) {
    say("{}", config::help_text("shutterseal-ingestd [OPTION...]", "Verifies what cameras dropped and moves it to evidence.", options()));
    return 0;
  }
  if (arguments.has("version")) {
    say("{}\n", config::version_text(kProgram));
    return 0;
  }
  if (!arguments.operands().empty()) throw Error(ErrorKind::usage, "no operand is expected (see --help)");
  const auto context = load_context(arguments);
  if (arguments.has("dump")) say("{}", dump_settings(context));
  if (arguments.has("dump")) return 0;
  if (arguments.has("test")) {
    const Log log(kProgram, true, context.settings.log_level);
    check_start(context);
    Verifier(context.settings, log).prove();  // a sandbox that is too tight is a mistake of configuration
    return 0;
  }
  if (arguments.has("alert-runner")) return serve_alerts(context, arguments.has("foreground"));
  return serve(context, arguments.has("once"), arguments.has("foreground"));
}

}  // namespace shutterseal::ingestd

int main(int argc, char** argv) {
  return shutterseal::run_main(shutterseal::ingestd::kProgram, [&] { return shutterseal::ingestd::run(argc, argv); });
}
