// SPDX-License-Identifier: Apache-2.0
// camera renew: what cameras asked for, by the intermediate on this server, from a timer. camera approve: the same by hand, by the authority.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/authority.h"
#include "src/custody/commands.h"
#include "src/custody/confined.h"
#include "src/custody/files.h"
#include "src/custody/intermediate.h"
#include "src/envelope/receipt.h"
#include "src/report/json.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

// ---- what cameras asked for ---------------------------------------------------------------------------------------------------------

struct Wish {
  registry::Camera camera;
  std::string challenge;  // which certificate is to be renewed
  server::Newest newest;
};

class Wishes {
 public:
  // `looks`: nothing is taken away.
  Wishes(const ServerPaths& paths, const registry::Registry& registry, const Log& log, bool looks = false) : paths_(paths), registry_(registry), log_(log), looks_(looks) {}

  // Of active cameras alone; a suspended one's request waits. What is no good request is refused and taken away. A camera whose files are broken
  // stops nobody else.
  [[nodiscard]] std::vector<Wish> of(const std::vector<CameraId>& ids) const {
    std::vector<Wish> wishes;
    for (const auto& id : ids) {
      try {
        if (auto wish = read(id)) wishes.push_back(std::move(*wish));
      } catch (const Error& error) {
        log_.error(LogLine("trouble").field("camera", id.text()).sentence("reason", error.what()));
      }
    }
    return wishes;
  }
  void refuse(const CameraId& id, const char* why) const {
    log_.warning(LogLine("renewal-refused").field("camera", id.text()).field("reason", why));
    if (!looks_) take_away(id);
  }
  void take_away(const CameraId& id) const { unlink_at(incoming(id).get(), kRenewalRequest); }

 private:
  [[nodiscard]] std::string drop(const CameraId& id) const { return paths_.drop + "/" + id.account(); }
  [[nodiscard]] Fd incoming(const CameraId& id) const { return open_dir_at(open_dir(drop(id)).get(), "incoming"); }

  [[nodiscard]] std::optional<Wish> read(const CameraId& id) const {
    auto camera = registry_.find(id);
    if (!camera || camera->state != registry::State::active || !exists(drop(id))) return std::nullopt;
    const auto file = open_hostile(incoming(id).get(), kRenewalRequest);
    if (file.problem == HostileProblem::vanished) return std::nullopt;
    throw_if_broken(file, kRenewalRequest);
    if (file.problem != HostileProblem::none || file.info.st_uid != camera->uid) return refused(id, "not-a-file");
    if (file.info.st_size > static_cast<off_t>(envelope::kLargestRequest)) return refused(id, "too-large");
    const auto reading = read_request_confined(read_fd(file.fd.get(), kRenewalRequest, envelope::kLargestRequest), kRenewalRequest);
    if (!reading.request) return refused(id, "malformed");
    return check(std::move(*camera), *reading.request);
  }
  [[nodiscard]] std::optional<Wish> check(registry::Camera camera, const envelope::Request& request) const {
    if (request.camera != camera.id) return refused(camera.id, "wrong-camera");
    auto newest = server::newest_certificates(registry_, camera.id);
    if (request.signing_key != newest.certified.point) return refused(camera.id, "foreign-key");
    return Wish{std::move(camera), request.challenge, std::move(newest)};
  }
  [[nodiscard]] std::optional<Wish> refused(const CameraId& id, const char* why) const {
    refuse(id, why);
    return std::nullopt;
  }

  const ServerPaths& paths_;
  const registry::Registry& registry_;
  const Log& log_;
  bool looks_;
};

static std::vector<CameraId> wanted_cameras(const config::Arguments& arguments, const registry::Registry& registry) {
  if (arguments.operands().size() == 2) return registry.list();
  std::vector<CameraId> ids;
  for (std::size_t i = 2; i < arguments.operands().size(); ++i) ids.push_back(enrolled_camera(registry, camera_id(arguments.operands()[i])).id);
  return ids;
}

// ---- what they get --------------------------------------------------------------------------------------------------------------------

class Answers {
 public:
  Answers(const ServerPaths& paths, const registry::Registry& registry)
      : paths_(paths), registry_(registry), key_(envelope::ReceiptKey::from_pem(read_guarded_file(paths.receipt_key, kLargestPem, Secrecy::trusted), paths.receipt_key)) {}

  // Certificate, state, answer: cut anywhere, the next call finds the newer certificate and goes on with it. The state is looked at under the
  // registry's lock, so that a camera that is being suspended or revoked meanwhile gets nothing.
  void give(const CameraId& id, const std::vector<envelope::Certificate>& chain) const {
    std::string pem;
    for (const auto& one : chain) pem += one.to_pem();
    static_cast<void>(registry_.update(id, [&](registry::Camera& camera) {
      if (camera.state != registry::State::active)
        throw Error(ErrorKind::data, "camera " + id.text() + " is " + std::string(registry::state_name(camera.state)) + ": it is not renewed");
      registry_.add_certificate(id, chain[0].fingerprint.hex(), pem);
      camera.expires = std::max(camera.expires.value_or(0), chain[0].not_after);
    }));
    replace_file(paths_.drop + "/" + id.account() + "/receipts/" + kRenewalAnswer, envelope::sign_renewal({id, chain}, key_), 0640);
  }

 private:
  const ServerPaths& paths_;
  const registry::Registry& registry_;
  envelope::ReceiptKey key_;
};

// ---- renew ------------------------------------------------------------------------------------------------------------------------------

static bool is_due(const envelope::Certificate& certificate) {
  return now_ms() >= certificate.not_before + (certificate.not_after - certificate.not_before) / 3 * 2;
}

static std::vector<envelope::Certificate> renew(const config::Arguments& arguments, const Wish& wish, const Intermediate& intermediate) {
  const auto end = end_of_life(arguments, intermediate.certificate);
  return {envelope::issue_certificate({envelope::Role::camera, wish.camera.id.account(), wish.newest.certified.point, now_ms() - kDay, end}, intermediate.key,
                                      &intermediate.certificate),
          intermediate.certificate};
}

// A camera that missed an answer, or has an old card again, asks about an older certificate: it gets the newest there is, and asks again in time.
static void fulfil(const config::Arguments& arguments, const Wish& wish, const Intermediate& intermediate, const Wishes& wishes, const Answers& answers, const Log& log) {
  const auto& id = wish.camera.id;
  const auto& newest = wish.newest.chain;
  const bool is_newest = wish.challenge == newest[0].fingerprint.hex();
  if (is_newest && !is_due(newest[0])) return wishes.refuse(id, "not-due");
  const auto chain = is_newest ? renew(arguments, wish, intermediate) : newest;
  if (chain[0].not_after <= newest[0].not_after && is_newest) throw Error(ErrorKind::config, "the intermediate ends too soon to renew anything: certify it anew");
  answers.give(id, chain);
  wishes.take_away(id);
  log.info(LogLine("renewed").field("camera", id.text()).field("until", rfc3339(chain[0].not_after)).field("sha256", chain[0].fingerprint.hex()));
}

static int renew_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const registry::Registry registry(paths.cameras);
  const Log log(kProgram, true, LogLevel::info);
  const Wishes wishes(paths, registry, log);
  const auto all = wishes.of(wanted_cameras(arguments, registry));  // before the key is opened
  if (all.empty()) return 0;
  const auto intermediate = read_intermediate(paths);
  const Answers answers(paths, registry);
  int status = 0;
  for (const auto& wish : all) {
    try {
      fulfil(arguments, wish, intermediate, wishes, answers, log);
    } catch (const Error& error) {
      log.error(LogLine("trouble").field("camera", wish.camera.id.text()).sentence("reason", error.what()));
      status = exit_code(error.kind());
    }
  }
  return status;
}

// ---- approve ----------------------------------------------------------------------------------------------------------------------------

static int list_wishes(const config::Arguments& arguments, const std::vector<Wish>& wishes) {
  for (const auto& wish : wishes) {
    const auto until = rfc3339(wish.newest.chain[0].not_after);
    if (arguments.has("json"))
      say("{}\n", report::to_text(report::Json{{"camera", wish.camera.id.text()}, {"certificate", wish.newest.chain[0].fingerprint.hex()}, {"expires", until}}));
    else
      say("{:<28} {}\n", wish.camera.id.text(), until);
  }
  return 0;
}

static const Wish& wish_of(const std::vector<Wish>& wishes, const CameraId& id) {
  const auto wish = std::find_if(wishes.begin(), wishes.end(), [&](const Wish& one) { return one.camera.id == id; });
  if (wish == wishes.end()) throw Error(ErrorKind::data, "camera " + id.text() + " asks for no renewal, or may have none");
  return *wish;
}

// One that was made on the authority's host by 'camera sign', of the same request.
static envelope::Certificate given_certificate(const std::string& path, const Wish& wish, const envelope::Certificate& authority) {
  auto certificate = read_certificate(path);
  if (!envelope::is_good_renewal({&certificate, 1}, wish.newest.certified, authority))
    throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' is not this authority's certificate for the key of camera " + wish.camera.id.text());
  if (certificate.not_after <= now_ms()) throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' has expired");
  return certificate;
}

static int approve_command(const config::Arguments& arguments) {
  if (arguments.has("invited")) return approve_invited(arguments);
  const auto paths = paths_of(arguments);
  const registry::Registry registry(paths.cameras);
  const Log log(kProgram, true, LogLevel::info);
  const bool looks = arguments.operands().size() == 2;
  const Wishes wishes(paths, registry, log, looks);
  const auto ids = wanted_cameras(arguments, registry);
  const auto all = wishes.of(ids);  // before a key is opened
  if (looks) return list_wishes(arguments, all);
  for (const auto& id : ids) static_cast<void>(wish_of(all, id));
  if (arguments.has("certificate") == arguments.has("authority-key") || (arguments.has("certificate") && ids.size() != 1))
    throw Error(ErrorKind::usage, "either --authority-key, or for one camera --certificate, is needed (see --help)");
  const Authority authority(arguments, read_certificate(paths.authority));
  const Answers answers(paths, registry);
  for (const auto& id : ids) {
    const auto& wish = wish_of(all, id);
    const envelope::Request request{id, wish.newest.certified.point, "", ""};
    const auto certificate = arguments.has("certificate") ? given_certificate(arguments.get("certificate"), wish, authority.certificate) : authority.certify(arguments, request);
    answers.give(id, {certificate});
    wishes.take_away(id);
    say("camera {}: certificate {} until {}\n", id.text(), certificate.fingerprint.hex(), rfc3339(certificate.not_after));
  }
  return 0;
}

std::vector<Command> renewal_commands() {
  const config::Option days{"days", "N", "how long the certificate is good (default: 365)"};
  static constexpr std::size_t kMany = 100'000;
  return {{"camera renew", "[ID...]", "Renews the certificates of cameras that asked for it, by this server's intermediate; for a timer.", {days}, renew_command, 0, kMany},
          {"camera approve", "[--invited | ID...] [--authority-key KEY | --certificate CERT]",
           "Renews certificates by hand, or enrols all who were invited and came; without ID and key, lists who asks.",
           {{"authority-key", "KEY", "the authority's key"},
            {"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"},
            {"certificate", "CERT", "made by 'camera sign' of the camera's request"},
            {"invited", "", "enrol the invited cameras that sent a request"},
            days,
            {"json", "", "one object a line"}},
           approve_command, 0, kMany}};
}

}  // namespace shutterseal::custody
