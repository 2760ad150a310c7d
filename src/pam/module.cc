// SPDX-License-Identifier: Apache-2.0
// pam_shutterseal.so: a C wall around one pure decision. Runs inside sshd and the FTP server, as root: every entry point calls a noexcept function, holds
// no state between calls, starts no thread, and answers PAM_ABORT unless something better was decided.
#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#define PAM_SM_SESSION
#define PAM_SM_PASSWORD
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <syslog.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/paths.h"
#include "src/base/program.h"
#include "src/base/secret.h"
#include "src/pam/account.h"
#include "src/pam/decision.h"
#include "src/registry/logins.h"
#include "src/registry/password.h"

namespace shutterseal::pam {

// Slows a guesser on one connection, and more with each failure of a name: 2, 4, 8, 16, 32 seconds. libpam adds or takes up to half of it
// at random (pam_fail_delay(3)). Only a failure waits: nobody can lock a camera out.
static constexpr unsigned kFailureDelayUs = 2'000'000;
static constexpr unsigned kMostDoublings = 4;

// The one place that maps decisions to PAM's codes.
static int pam_code(Access access) noexcept {
  switch (access) {
    case Access::allowed: return PAM_SUCCESS;
    case Access::not_a_camera:
    case Access::not_enrolled: return PAM_USER_UNKNOWN;
    case Access::suspended:
    case Access::revoked:
    case Access::removed:
    case Access::wrong_network:
    case Access::wrong_service: return PAM_PERM_DENIED;
    case Access::expired: return PAM_ACCT_EXPIRED;
    case Access::bad_password:
    case Access::wrong_password: return PAM_AUTH_ERR;
    case Access::broken_registry: return PAM_AUTHINFO_UNAVAIL;
    case Access::bad_option: return PAM_SERVICE_ERR;
  }
  return PAM_ABORT;
}

static std::string item(const pam_handle_t* handle, int which) {
  const void* value = nullptr;
  if (::pam_get_item(handle, which, &value) != PAM_SUCCESS || !value) return {};
  return static_cast<const char*>(value);
}

static std::string user_of(pam_handle_t* handle) {
  const char* name = nullptr;
  return ::pam_get_user(handle, &name, nullptr) == PAM_SUCCESS && name ? name : "";
}

// One call of sshd or the FTP server.
struct Call {
  pam_handle_t* handle;
  Options options;
  std::string user;
  std::string remote;  // PAM_RHOST: an address, or a name that a stranger's DNS chose
};

// fail2ban reads these lines: an address or "-", never a name, and what a stranger typed is last, quoted and escaped.
static void say(const Call& call, int priority, LogLine line) {
  const auto address = registry::Address::parse(call.remote);
  line.field("rhost", address ? address->text() : "-").untrusted("user", call.user);
  ::pam_syslog(call.handle, priority, "%s", line.text().c_str());
}

static void say_trouble(const Call& call, int priority, const Error& error) {
  ::pam_syslog(call.handle, priority, "%s", LogLine("trouble").sentence("reason", error.what()).text().c_str());
}

static int answer(const Call& call, Access access) {
  if (access != Access::allowed)
    say(call, LOG_NOTICE, LogLine("denied").field("reason", access_name(access)));
  else if (call.options.debug)
    say(call, LOG_DEBUG, LogLine("allowed"));
  return pam_code(access);
}

// The answer for a camera's account, or for any account where others are not ignored.
using Decide = Access (*)(const Call& call, const std::optional<CameraId>& id);

static int decide_and_answer(const Call& call, Decide decide) {
  const bool is_camera = owner_of(call.user) == Owner::camera;
  if (!is_camera && call.options.ignore_others) return PAM_IGNORE;
  if (!call.options.valid) return answer(call, Access::bad_option);
  try {
    return answer(call, decide(call, is_camera ? CameraId::from_account(call.user) : std::nullopt));
  } catch (const Error& error) {
    say_trouble(call, LOG_ERR, error);
    return answer(call, Access::broken_registry);
  }
}

static int enter(pam_handle_t* handle, int argc, const char** argv, Decide decide) noexcept {
  try {
    return decide_and_answer({handle, parse_options(argc, argv), user_of(handle), item(handle, PAM_RHOST)}, decide);
  } catch (...) {
    return PAM_ABORT;
  }
}

static registry::Registry registry_of(const Call& call) { return registry::Registry(server_paths(call.options.root).cameras); }

static Access judge_account(const Call& call, const std::optional<CameraId>& id) {
  const Login login{item(call.handle, PAM_SERVICE), registry::Address::parse(call.remote), now_ms()};
  if (call.user == kEnrolAccount) return judge_enrolment(login);
  if (!id) return Access::not_a_camera;
  return judge(registry_of(call).find(*id), login);
}

// What cannot be noted is said and changes no decision.
template <class Note>
static void note(const Call& call, Note what) {
  const UnaskedSignals held;  // a limit of the account's must cost a line, not the session
  try {
    what(registry::Logins(server_paths(call.options.root).logins));
  } catch (const Error& error) {
    say_trouble(call, LOG_WARNING, error);
  }
}

static Access note_outcome(const Call& call, bool matches) {
  note(call, [&](const registry::Logins& logins) {
    if (matches) return logins.forget_failures(call.user);
    const auto doublings = std::min(logins.note_failure(call.user) - 1, kMostDoublings);
    static_cast<void>(::pam_fail_delay(call.handle, kFailureDelayUs << doublings));
  });
  return matches ? Access::allowed : Access::wrong_password;
}

// From the session, not from account: by now sshd has seen a signature, or the FTP server a password.
static Access judge_session(const Call& call, const std::optional<CameraId>& id) {
  const auto access = judge_account(call, id);
  const auto address = registry::Address::parse(call.remote);
  if (access == Access::allowed && address && id) note(call, [&](const registry::Logins& logins) { logins.note_login(*address, *id); });
  return access;
}

// Exactly one hash for every well-formed attempt, whoever is named: the time of an answer tells nobody which cameras exist.
static Access judge_password(const Call& call, const std::optional<CameraId>& id) {
  static_cast<void>(::pam_fail_delay(call.handle, kFailureDelayUs));
  const char* token = nullptr;
  if (::pam_get_authtok(call.handle, PAM_AUTHTOK, &token, nullptr) != PAM_SUCCESS || !token) return Access::bad_password;
  if (!registry::is_acceptable_password(token)) return Access::bad_password;
  const Secret password(token);
  std::string hash;
  std::optional<Error> trouble;
  try {
    const auto registry = registry_of(call);
    if (id && registry.find(*id)) hash = registry.password_hash(*id);
  } catch (const Error& error) {
    trouble = error;  // said after the hash: a broken registry answers as slowly as a whole one
  }
  const bool matches = registry::password_matches(password, hash);
  if (trouble) throw Error(*trouble);
  return note_outcome(call, matches);
}

}  // namespace shutterseal::pam

using namespace shutterseal::pam;

extern "C" {

PAM_EXTERN int pam_sm_authenticate(pam_handle_t* handle, int, int argc, const char** argv) {
  return enter(handle, argc, argv, judge_password);
}

PAM_EXTERN int pam_sm_acct_mgmt(pam_handle_t* handle, int, int argc, const char** argv) {
  return enter(handle, argc, argv, judge_account);
}

// Once more, for a revocation between login and session. The real decision is the account's: libcurl waits for ever on a refused session.
PAM_EXTERN int pam_sm_open_session(pam_handle_t* handle, int, int argc, const char** argv) {
  return enter(handle, argc, argv, judge_session);
}

static shutterseal::pam::Access nothing_to_do(const Call&, const std::optional<shutterseal::CameraId>& id) {
  return id ? Access::allowed : Access::not_a_camera;
}

PAM_EXTERN int pam_sm_close_session(pam_handle_t* handle, int, int argc, const char** argv) {
  return enter(handle, argc, argv, nothing_to_do);
}

PAM_EXTERN int pam_sm_setcred(pam_handle_t* handle, int, int argc, const char** argv) {
  return enter(handle, argc, argv, nothing_to_do);
}

// A camera's password is the administrator's to set (shutterseal camera password), never the camera's own.
PAM_EXTERN int pam_sm_chauthtok(pam_handle_t* handle, int, int argc, const char** argv) {
  return enter(handle, argc, argv, [](const Call&, const std::optional<shutterseal::CameraId>& id) {
    return id ? Access::wrong_service : Access::not_a_camera;
  });
}

}  // extern "C"
