// SPDX-License-Identifier: Apache-2.0
// camera approve --invited: what came of the invitations. The token counts here, when the certificate is made, and not at the login: a cut link costs
// nobody his invitation.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/confined.h"
#include "src/custody/enrolment.h"
#include "src/custody/files.h"
#include "src/custody/invitations.h"
#include "src/envelope/invitation.h"
#include "src/report/json.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

static constexpr TimeMs kFetchTime = 7 * kDay;      // an enrolled camera's, for its answer
static constexpr TimeMs kUnfinished = 1 * kDay;     // then a cut upload is taken away
static constexpr std::size_t kMostRequests = 20'000;  // looked at in a call; more stay for the next

// To the terminal, and, unless it is a look alone, to syslog for fail2ban; who is named is the camera whose token was misused, never one that a stranger
// chose.
class Told {
 public:
  explicit Told(bool terminal_alone) : terminal_(kProgram, true, LogLevel::info) {
    if (!terminal_alone) syslog_.emplace(kProgram, false, LogLevel::info);
  }
  void refused(const std::string& camera, const char* reason, const std::string& who) const {
    write(LogLevel::warning, LogLine("invitation-refused").field("camera", camera).field("reason", reason).untrusted("for", who));
  }
  void enrolled(const CameraId& id) const { write(LogLevel::info, LogLine("enrolled").field("camera", id.text())); }
  void trouble(const std::string& camera, const Error& error) {
    write(LogLevel::error, LogLine("trouble").field("camera", camera).sentence("reason", error.what()));
    status_ = exit_code(error.kind());
  }
  [[nodiscard]] int status() const { return status_; }  // of the last trouble

 private:
  void write(LogLevel level, const LogLine& line) const {
    terminal_.write(level, line.text());
    if (syslog_) syslog_->write(level, line.text());
  }
  Log terminal_;
  std::optional<Log> syslog_;
  int status_ = 0;
};

// ---- what came ----------------------------------------------------------------------------------------------------------------------------

struct Arrival {
  std::string file;  // its name in incoming/
  ino_t inode = 0;
  TimeMs at = 0;     // by the server's clock: setting a file's time is not among what sshd allows
  std::optional<envelope::Request> request;
  const char* refused = nullptr;
};

// Before any key is opened: each is read in a child. Nothing: another call took it away.
static std::optional<Arrival> read_arrival(int incoming, const std::string& name) {
  const auto file = open_hostile(incoming, name);
  if (file.problem == HostileProblem::vanished) return std::nullopt;
  throw_if_broken(file, name);
  Arrival arrival{name, file.info.st_ino, mtime_ms(file.info), std::nullopt, nullptr};
  if (file.problem != HostileProblem::none) {
    arrival.refused = "not-a-file";
  } else if (file.info.st_size > static_cast<off_t>(envelope::kLargestRequest)) {
    arrival.refused = "too-large";
  } else {
    auto reading = read_request_confined(read_fd(file.fd.get(), name, envelope::kLargestRequest), name);
    if (reading.request && name == envelope::name_of_request(reading.request->signing_key, reading.request->challenge)) arrival.request = std::move(reading.request);
    else arrival.refused = "malformed";
  }
  return arrival;
}

// What cannot be read now stays for the next call.
static std::vector<Arrival> read_arrivals(int incoming, Told& told) {
  std::vector<Arrival> arrivals;
  std::size_t looked_at = 0;
  // All names are looked at: a guest who left thousands of unfinished uploads must not hide the others' requests behind them.
  for (const auto& name : list_dir(incoming)) {
    if (name.starts_with('.') || ++looked_at > kMostRequests) continue;
    try {
      if (auto arrival = read_arrival(incoming, name)) arrivals.push_back(std::move(*arrival));
    } catch (const Error& error) {
      told.trouble("-", error);
    }
  }
  std::sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return std::tie(a.at, a.file) < std::tie(b.at, b.file); });
  return arrivals;
}

// Between reading and deciding another call may have answered it, and what lies there now was not read.
static bool still_there(int incoming, const Arrival& arrival) {
  struct stat info {};
  return ::fstatat(incoming, arrival.file.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_ino == arrival.inode && mtime_ms(info) == arrival.at;
}

static void forget_unfinished(int incoming) {
  for (const auto& name : list_dir(incoming)) {
    struct stat info {};
    if (name.starts_with('.') && ::fstatat(incoming, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) && now_ms() - mtime_ms(info) > kUnfinished)
      unlink_at(incoming, name);
  }
}

// What is decided of one request, from the invitation whose token it carries. `again`: enrolled before, by the same key: the answer was lost.
struct Decision {
  const Invited* invited = nullptr;
  const char* refused = nullptr;
  bool again = false;
};

static Digest key_hash(const envelope::Request& request) { return envelope::sha256(request.signing_key); }

// Error names a file of the invitation or of the camera that is damaged: then nothing is known of this request.
static Decision decide(const Arrival& arrival, const std::vector<Invited>& all, const Invitations& invitations, const registry::Registry& registry) {
  if (arrival.refused) return {nullptr, arrival.refused};
  const auto& request = *arrival.request;
  const auto hash = envelope::token_hash(request.challenge);
  const auto known = std::find_if(all.begin(), all.end(), [&](const Invited& one) { return one.token == hash; });
  if (known == all.end()) {
    static_cast<void>(invitations.find(request.camera));
    return {nullptr, "unknown-token"};
  }
  if (known->id != request.camera) return {&*known, "other-id"};
  const auto camera = registry.find(request.camera);
  // The registry has the last word: a call that was cut after it enrolled may not have noted that the token is used.
  if (camera) {
    const bool same = camera->state == registry::State::active && server::newest_certificates(registry, request.camera).certified.point == request.signing_key;
    return {&*known, same ? nullptr : "used", same};
  }
  if (known->used_by) return {&*known, "used"};
  if (arrival.at > known->until) return {&*known, "late"};
  return {&*known, nullptr};
}

// ---- approve --invited ----------------------------------------------------------------------------------------------------------------------

struct Guest {
  Arrival arrival;
  Invited invited;
  bool again = false;
};

// Registry, answer, request: cut anywhere, the next call finds the camera enrolled by the same key and gives it its answer again.
static void welcome(const ServerPaths& paths, Enrolment& enrolment, const Guest& guest) {
  const auto& request = *guest.arrival.request;
  const auto bundle = guest.again ? enrolment.bundle_again(request.camera) : enrolment.admit(enrolment.check(request.camera, request, ""));
  replace_file(paths.enrol_drop + "/answers/" + guest.arrival.file, envelope::encrypt_answer(bundle.octets, request.signing_key, request.challenge), 0640);
  unlink_at(open_dir(paths.enrol_drop + "/incoming").get(), guest.arrival.file);
}

struct Sorted {
  std::vector<Guest> guests;
  std::vector<std::string> refused;  // their files
};

static Sorted sort_out(std::vector<Arrival> arrivals, const Invitations& invitations, const registry::Registry& registry, Told& told, int incoming) {
  const auto all = invitations.all();
  Sorted sorted;
  std::set<CameraId> taken;
  for (auto& arrival : arrivals) {
    if (!still_there(incoming, arrival)) continue;
    const auto who = arrival.request ? arrival.request->camera.text() : "";
    try {
      auto decision = decide(arrival, all, invitations, registry);
      if (!decision.refused && !taken.insert(decision.invited->id).second) decision.refused = "used";  // by one that came earlier
      if (decision.refused) {
        told.refused(decision.invited ? decision.invited->id.text() : "-", decision.refused, who);
        sorted.refused.push_back(arrival.file);
      } else {
        sorted.guests.push_back({std::move(arrival), *decision.invited, decision.again});
      }
    } catch (const Error& error) {
      told.trouble(who, error);
    }
  }
  return sorted;
}

static void list_guests(const config::Arguments& arguments, const std::vector<Guest>& guests) {
  for (const auto& guest : guests) {
    if (arguments.has("json")) say("{}\n", report::to_text(report::Json{{"camera", guest.invited.id.text()}, {"arrived", rfc3339(guest.arrival.at)}}));
    else say("{:<28} {}\n", guest.invited.id.text(), rfc3339(guest.arrival.at));
  }
}

static void forget_old_answers(const ServerPaths& paths) {
  const auto answers = open_dir(paths.enrol_drop + "/answers");
  for (const auto& name : list_dir(answers.get())) {
    struct stat info {};
    if (::fstatat(answers.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && now_ms() - mtime_ms(info) > kFetchTime) unlink_at(answers.get(), name);
  }
}

// The time for fetching the answer is given before, since a camera that was enrolled and cannot log in to learn it would be half enrolled; that the
// token is used is noted after, since until then the registry says it.
static void welcome_all(const ServerPaths& paths, Enrolment& enrolment, const std::vector<Guest>& guests, const Invitations& invitations, Told& told) {
  std::vector<Invited> notes;
  for (const auto& guest : guests) {
    notes.push_back(guest.invited);
    notes.back().login_until = now_ms() + kFetchTime;
  }
  invitations.put(notes);
  for (std::size_t i = 0; i < guests.size(); ++i) {
    try {
      welcome(paths, enrolment, guests[i]);
      notes[i].used_by = key_hash(*guests[i].arrival.request);
      told.enrolled(guests[i].invited.id);
    } catch (const Error& error) {
      told.trouble(guests[i].invited.id.text(), error);
      // Such a request can never become a camera: its keys are another's.
      if (error.kind() == ErrorKind::data) unlink_at(open_dir(paths.enrol_drop + "/incoming").get(), guests[i].arrival.file);
    }
  }
  invitations.put(notes);
}

// A look: nothing is taken away, and nobody acts on what it says.
static int list_invited(const config::Arguments& arguments, const ServerPaths& paths, const registry::Registry& registry, int incoming) {
  Told told(true);
  auto arrivals = read_arrivals(incoming, told);
  std::optional<Invitations> invitations(std::in_place, paths, is_private_tree(arguments));
  const auto sorted = sort_out(std::move(arrivals), *invitations, registry, told, incoming);
  invitations.reset();  // the output may be a pager's
  list_guests(arguments, sorted.guests);
  return told.status();
}

// SECURITY: readers and the passphrase are waited for first, and what came of it is decided and said under the lock. The other way about, fail2ban's
// withdrawal of what was said would wait for whoever types.
static int enrol_invited(const config::Arguments& arguments, const ServerPaths& paths, const registry::Registry& registry, int incoming) {
  Told told(is_private_tree(arguments));
  auto arrivals = read_arrivals(incoming, told);
  std::optional<Enrolment> enrolment;
  if (std::any_of(arrivals.begin(), arrivals.end(), [](const Arrival& one) { return one.request.has_value(); })) enrolment.emplace(arguments);
  const Invitations invitations(paths, is_private_tree(arguments));
  const auto sorted = sort_out(std::move(arrivals), invitations, registry, told, incoming);
  for (const auto& file : sorted.refused) unlink_at(incoming, file);
  forget_unfinished(incoming);
  forget_old_answers(paths);
  if (!sorted.guests.empty()) welcome_all(paths, *enrolment, sorted.guests, invitations, told);
  return told.status();
}

int approve_invited(const config::Arguments& arguments) {
  if (arguments.operands().size() != 2 || arguments.has("certificate")) throw Error(ErrorKind::usage, "--invited takes neither ids nor --certificate: it enrols all who came");
  const auto paths = paths_of(arguments);
  Invitations::make_places(paths, is_private_tree(arguments));
  const registry::Registry registry(paths.cameras);
  const auto incoming = open_dir(paths.enrol_drop + "/incoming");
  return arguments.has("authority-key") ? enrol_invited(arguments, paths, registry, incoming.get()) : list_invited(arguments, paths, registry, incoming.get());
}

}  // namespace shutterseal::custody
