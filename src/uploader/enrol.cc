// SPDX-License-Identifier: Apache-2.0
// enrol: this camera's two keys, made where they will stay, and the request that carries both. Keys that exist are never overwritten: they
// signed evidence.
#include <fmt/format.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/envelope/keys.h"
#include "src/keystore/keystore.h"
#include "src/uploader/commands.h"

namespace shutterseal::uploader {

static CameraId wanted_camera(const config::Arguments& arguments, const Context& context) {
  const auto text = arguments.get("camera", context.settings.camera);
  if (text.empty()) throw Error(ErrorKind::usage, "enrol needs --camera ID (see --help)");
  const auto camera = CameraId::parse(text);
  if (!camera) throw Error(ErrorKind::usage, "a camera id is 1 to 28 of a-z, 0-9 and '-', with no '-' at either end");
  if (!context.settings.camera.empty() && context.settings.camera != text)
    throw Error(ErrorKind::config, "the configuration is for camera " + context.settings.camera + ", not " + text);
  return *camera;
}

// The request counts as the last step: without it a cut enrolment may be done again, and nothing was signed with its keys.
static void refuse_existing(const Context& context) {
  for (const auto& file : {context.request, context.bundle})
    if (exists(file)) throw Error(ErrorKind::cannot_create, "cannot enrol: '" + file + "' exists, so this camera has its keys");
}

// Two key URIs, a line each: what an enrolment was about to make.
static std::string note_of(const Context& context) { return context.signing_key.text + "\n" + context.ssh_key.text + "\n"; }

// Whoever finds a key that no cut enrolment of ours was about to make must not touch it: it may have signed evidence, or be another program's.
static bool was_cut(const Context& context) {
  constexpr std::size_t kLargestNote = 4096;
  return exists(context.enrolling) && as_text(read_guarded_file(context.enrolling, kLargestNote, Secrecy::trusted)) == note_of(context);
}

struct Keys {
  envelope::PrivateKey signing, ssh;
};

// A cut enrolment's key in hardware is used as it is: nothing was signed with it, and removing it could hit another's.
static envelope::PrivateKey make_or_adopt(const keystore::KeyUri& uri, const Context& context, const Secret& passphrase) {
  const auto& hardware = context.settings.hardware;
  const bool adopted = uri.place != keystore::KeyPlace::file && keystore::is_taken(uri, hardware, passphrase);
  return adopted ? keystore::open_key(uri, hardware, passphrase) : keystore::make_key(uri, hardware, passphrase);
}

static Keys make_both(const Context& context, const Secret& passphrase) {
  if (!was_cut(context)) {
    for (const auto* uri : {&context.signing_key, &context.ssh_key})
      if (keystore::is_taken(*uri, context.settings.hardware, passphrase))
        throw Error(ErrorKind::cannot_create, "cannot enrol: there is something at " + uri->text + " already, and keys are never replaced");
    replace_file(context.enrolling, as_bytes(note_of(context)), 0600);
  }
  auto signing = make_or_adopt(context.signing_key, context, passphrase);
  return {std::move(signing), make_or_adopt(context.ssh_key, context, passphrase)};
}

void make_keys(const Context& context, const CameraId& camera, const Secret& passphrase) {
  const auto keys = make_both(context, passphrase);
  const auto request = envelope::make_request_pem(camera, keys.signing, keys.ssh.ssh_public_key(camera.account()));
  commit_file(context.request, request, 0644);
  unlink_at(open_dir(context.paths.keys).get(), "enrolling");
}

int enrol_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  const auto camera = wanted_camera(arguments, context);
  make_state_dirs(context);
  refuse_existing(context);
  const auto lock = FileLock::wait(context.chain_lock);
  refuse_existing(context);
  make_keys(context, camera, obtain_passphrase(context, true));
  say("the keys of camera {0} are at {1} and {2}\n"
             "the request is {3}\n",
             camera.text(), context.signing_key.text, context.ssh_key.text, context.request);
  for (const auto& warning : key_warnings(context)) say("warning: {}\n", warning);
  say("next: take it to the drop server's administrator, who runs\n"
             "  shutterseal camera add {0} --request request.pem --authority-key KEY --out bundle.p7m\n"
             "then, here: {1} accept bundle.p7m\n",
             camera.text(), kProgram);
  return 0;
}

}  // namespace shutterseal::uploader
