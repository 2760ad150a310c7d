// SPDX-License-Identifier: Apache-2.0
// join: from an invitation to an enrolled camera: keys, request, answer, bundle. Cut anywhere, the same command with the same line goes on; no step
// is half done on either side. The line is a secret and comes by a file or standard input, never as an argument, which every process can read.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/program.h"
#include "src/base/secret.h"
#include "src/base/text.h"
#include "src/envelope/invitation.h"
#include "src/uploader/commands.h"
#include "src/uploader/identity.h"

namespace shutterseal::uploader {

using transport::Outcome;

static constexpr int kPollMs = 5'000;
static constexpr std::size_t kLargestAnswer = envelope::kLargestBundle + 4096;

static Secret read_line(const config::Arguments& arguments) {
  const auto& operands = arguments.operands();
  if (operands.size() > 2) throw Error(ErrorKind::usage, "join takes one FILE, or the invitation on standard input (see --help)");
  if (operands.size() == 2) return read_secret_file(operands[1]);
  if (::isatty(STDIN_FILENO) == 1) return prompt_secret("the invitation", false);
  std::string line;
  std::getline(std::cin, line);
  Secret secret(line);
  wipe(line.data(), line.size());
  return secret;
}

static envelope::Invitation read_invitation(const config::Arguments& arguments) {
  const auto line = read_line(arguments);
  auto reading = envelope::parse_invitation(line.view());
  if (!reading.value) throw Error(ErrorKind::data, "this is no invitation: " + reading.reason);
  return std::move(*reading.value);
}

static void refuse_another_camera(const Context& context, const CameraId& invited) {
  const auto& configured = context.settings.camera;
  if (!configured.empty() && configured != invited.text()) throw Error(ErrorKind::config, "the configuration is for camera " + configured + ", the invitation for " + invited.text());
  if (!exists(context.request)) return;
  const auto own = load_request(context).camera;
  if (own != invited) throw Error(ErrorKind::cannot_create, "the keys here are those of camera " + own.text() + ", the invitation is for " + invited.text());
}

// The invitation's own login: not a camera's yet.
class Guest {
 public:
  Guest(const Context& context, const envelope::Invitation& invitation)
      : key_(envelope::key_of_token(invitation.token)),
        agent_({key_.ssh_public_blob(), [this](ByteView data) { return key_.ssh_signature(data); }, users(invitation)}),
        connection_(settings(context, invitation), [this] { return stop_signal_.stop_requested(); }) {}
  transport::Connection& connection() { return connection_; }
  // False: told to stop.
  bool wait() {
    struct pollfd waited {
      stop_signal_.fd(), POLLIN, 0
    };
    static_cast<void>(::poll(&waited, 1, kPollMs));
    return !stop_signal_.stop_requested();
  }

 private:
  static std::vector<std::string> users(const envelope::Invitation& invitation) {
    std::vector<std::string> names{kEnrolAccount};
    for (const auto& url : invitation.urls)
      if (const auto target = transport::parse_target(url); target && !target->user.empty()) names.push_back(target->user);
    return names;
  }
  transport::Settings settings(const Context& context, const envelope::Invitation& invitation) {
    transport::Settings settings;
    settings.urls = invitation.urls;
    settings.host_key_pins = invitation.host_key_pins;
    settings.user = kEnrolAccount;
    settings.agent = &agent_;
    settings.connect_timeout_ms = context.settings.connect_timeout_ms;
    settings.stall_timeout_ms = context.settings.stall_timeout_ms;
    settings.total_timeout_ms = context.settings.total_timeout_ms;
    return settings;
  }
  StopSignal stop_signal_;
  envelope::PrivateKey key_;
  transport::SshAgent agent_;
  transport::Connection connection_;
};

[[noreturn]] static void fail_with(const transport::Result& result) {
  if (result.outcome == Outcome::login_refused)
    throw Error(ErrorKind::permission, "login refused: the invitation has ended, was taken back, or is another server's");
  const auto kind = result.outcome == Outcome::wrong_host_key ? ErrorKind::protocol : ErrorKind::temporary;
  throw Error(kind, escape_untrusted(result.detail, kLongestSubject));
}

// Looked for first: after a cut the answer may be there already, and the request with its token is gone.
static Bytes fetch_answer(Guest& guest, const std::string& name, ByteView request, std::int64_t wait_ms) {
  const auto until = monotonic_ms() + wait_ms;
  Bytes answer;
  for (bool sent = false;;) {
    auto result = guest.connection().fetch("answers/" + name, kLargestAnswer, answer);
    if (result.outcome == Outcome::done) return answer;
    if (result.outcome == Outcome::absent && !sent) {
      result = guest.connection().upload(name, request.size(), transport::source_of(request));
      sent = true;
      if (result.outcome == Outcome::done) continue;
    }
    if (result.outcome != Outcome::absent) fail_with(result);
    if (monotonic_ms() >= until || !guest.wait())
      throw Error(ErrorKind::temporary, "the request is on the server and waits for its administrator: run the same command again");
  }
}

static std::uint64_t join(const Context& context, const envelope::Invitation& invitation, std::int64_t wait_ms) {
  const auto lock = FileLock::wait(context.chain_lock);
  const bool fresh = !exists(context.request);
  const auto passphrase = obtain_passphrase(context, fresh);
  if (fresh) make_keys(context, invitation.camera, passphrase);
  const auto signing = keystore::open_key(context.signing_key, context.settings.hardware, passphrase);
  const auto request = envelope::make_request_pem(invitation.camera, signing, load_request(context).ssh_public_key, invitation.token);
  Guest guest(context, invitation);
  const auto answer = fetch_answer(guest, envelope::name_of_request(signing.public_point(), invitation.token), request, wait_ms);
  const auto bundle = envelope::decrypt_answer(answer, signing, invitation.token);
  if (!bundle) throw Error(ErrorKind::protocol, "the answer is not for this camera's keys");
  return install_bundle(context, *bundle, invitation.authority);
}

int join_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  const auto wait_ms = parse_duration_ms(arguments.get("wait", "0"));
  if (!wait_ms || *wait_ms > 7LL * 24 * 3600 * 1000) throw Error(ErrorKind::usage, "--wait is a time such as 10m, at most 7d");
  const auto invitation = read_invitation(arguments);
  refuse_another_camera(context, invitation.camera);
  make_state_dirs(context);
  if (exists(context.bundle)) {
    say("camera {} is enrolled already\n", invitation.camera.text());
    return 0;
  }
  const auto serial = join(context, invitation, *wait_ms);
  say("camera {} is enrolled, bundle {} is installed; next: {} run\n", invitation.camera.text(), serial, kProgram);
  return 0;
}

}  // namespace shutterseal::uploader
