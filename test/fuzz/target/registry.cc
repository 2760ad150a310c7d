// SPDX-License-Identifier: Apache-2.0
// Files that an administrator or a tool wrote, and that decide who may log in: read or refused with one plain line; what was read is written
// back and read as the same.
#include <sys/stat.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/registry/registry.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;
using namespace shutterseal::registry;

struct Place {
  CameraId id = CameraId::parse("102").value();
  std::string conf = scratch_dir() + "/cam-102/camera.conf";
  Registry registry{scratch_dir()};
  Place() { HOLDS(::mkdir((scratch_dir() + "/cam-102").c_str(), 0711) == 0); }
};

// All that camera.conf says, in a form that can be compared.
static std::string words_of(const Camera& camera) {
  const auto time = [](const std::optional<TimeMs>& value) { return value ? std::to_string(*value) : "-"; };
  return std::string(state_name(camera.state)) + "|" + std::to_string(camera.uid) + "|" + std::to_string(camera.enrolled) + "|" +
         std::to_string(camera.bundle_serial) + "|" + camera.reason + "|" + time(camera.revoked_at) + "|" + time(camera.stolen_at) + "|" +
         time(camera.expires) + "|" + std::to_string(camera.grace) + "|" + networks_text(camera) + "|" + services_text(camera);
}

template <class Read>
static auto read_or_refuse(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Error& error) {
    HOLDS(is_printable_line(error.what()) && error.kind() == ErrorKind::config);
    return std::nullopt;
  }
}

static void check_camera(std::string_view text) {
  static const Place place;
  put_file(place.conf, text);
  const auto camera = read_or_refuse([] { return place.registry.find(place.id).value(); });
  if (!camera) return;
  HOLDS(!has_control(words_of(*camera)));
  const auto updated = place.registry.update(place.id, [](Camera&) {});
  HOLDS(words_of(updated) == words_of(*camera));
  HOLDS(words_of(place.registry.find(place.id).value()) == words_of(*camera));
}

static void check_profile(std::string_view text) {
  const auto file = scratch_dir() + "/server.conf";
  put_file(file, text);
  const auto profile = read_or_refuse([&] { return read_server_profile(file); });
  if (!profile) return;
  HOLDS(std::ranges::none_of(profile->urls, has_control) && std::ranges::none_of(profile->host_key_pins, has_control));
  write_server_profile(file, *profile);
  const auto again = read_server_profile(file);
  HOLDS(again.urls == profile->urls && again.host_key_pins == profile->host_key_pins);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_camera(as_text({data, size}));
  check_profile(as_text({data, size}));
  return 0;
}
