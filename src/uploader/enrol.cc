// SPDX-License-Identifier: Apache-2.0
// enrol: this camera's two keys and the request that carries both. Keys that exist are never overwritten: they signed evidence.
#include <fmt/format.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/envelope/keys.h"
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

void make_keys(const Context& context, const CameraId& camera, const Secret& passphrase) {
  const auto signing = envelope::PrivateKey::generate();
  const auto ssh = envelope::PrivateKey::generate();
  const auto request = envelope::make_request_pem(camera, signing, ssh.ssh_public_key(camera.account()));
  replace_file(context.signing_key, signing.to_pem(passphrase), 0600);
  replace_file(context.ssh_key, ssh.to_pem(passphrase), 0600);
  commit_file(context.request, request, 0644);
}

int enrol_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  const auto camera = wanted_camera(arguments, context);
  make_state_dirs(context);
  refuse_existing(context);
  const auto lock = FileLock::wait(context.chain_lock);
  refuse_existing(context);
  make_keys(context, camera, obtain_passphrase(context, true));
  fmt::print("the keys of camera {0} are in {1}\n"
             "the request is {2}\n"
             "next: take it to the drop server's administrator, who runs\n"
             "  shutterseal camera add {0} --request request.pem --authority-key KEY --out bundle.p7m\n"
             "then, here: {3} accept bundle.p7m\n",
             camera.text(), context.paths.keys, context.request, kProgram);
  return 0;
}

}  // namespace shutterseal::uploader
