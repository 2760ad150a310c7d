// SPDX-License-Identifier: Apache-2.0
// From the drop directory to a Drop. Whatever a camera may put there is a value; each is opened once and never by following a name.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/ingestd/drop.h"
#include "src/ingestd/quarantine.h"
#include "src/ingestd/settings.h"
#include "src/registry/registry.h"

namespace shutterseal::ingestd {

// Where drops lie: as they came, or in the daemon's own hands since they had to wait (holder.h).
enum class Place { incoming, held };

class Intake {
 public:
  Intake(const Context& context, const registry::Registry& registry, Quarantine& things, const Log& log)
      : context_(context), registry_(registry), things_(things), log_(log) {}

  // One camera's turn: its state and its directory, looked up once for a few drops. Nothing: not enrolled, or suspended.
  struct Turn {
    registry::Camera camera;
    Fd incoming, held;  // held: none when there is no such directory
    [[nodiscard]] int dir(Place place) const noexcept { return place == Place::held ? held.get() : incoming.get(); }
  };
  [[nodiscard]] std::optional<Turn> begin(const CameraId& camera);
  // Names that look finished, those in held/ in the order of their times, a piece of the directory at a time; ".NAME.part" of cut uploads are removed when older than part-age.
  [[nodiscard]] std::vector<std::string> names(const Turn& turn, Place place);
  // The same piece comes again until this says that it is done with. True: there is more behind it.
  bool turn_page(const CameraId& camera, Place place);
  // Nothing: it is not for now (vanished, unreadable), or it was refused on the spot.
  [[nodiscard]] std::optional<Drop> take(const Turn& turn, Place place, const std::string& name);
  // Says once why this drop stays where it is.
  void complain_once(const CameraId& camera, const std::string& name, const char* why);

 private:
  [[nodiscard]] std::optional<Drop> open(const Turn& turn, Place place, const std::string& name);
  // Whether it is read at all is decided here, and in which way.
  [[nodiscard]] std::optional<Unjudged> look_at(const registry::Camera& camera, const struct stat& info) const;
  [[nodiscard]] bool may_read(const CameraId& camera, std::uint64_t octets);
  void remove_if_old(const Turn& turn, const std::string& name);
  void refuse_thing(const CameraId& camera, int dir, const std::string& name, const struct stat& info, Verdict verdict, const std::string& why);
  [[nodiscard]] bool has_complained(const CameraId& camera, const std::string& name, const char* why) const;

  const Context& context_;
  const registry::Registry& registry_;
  Quarantine& things_;
  const Log& log_;
  // A million names in one directory must not make one turn longer, nor hide the name behind them for ever.
  struct Page {
    long begin = 0, end = 0;
  };
  std::map<std::pair<CameraId, Place>, Page> pages_;  // of directories larger than one page
  std::set<std::string> complained_;
  // SECURITY: reading what is refused unjudged costs what sending it, with a hole in it, does not.
  struct Allowance {
    std::int64_t since = 0;  // monotonic
    std::uint64_t octets = 0;
  };
  std::map<CameraId, Allowance> read_;  // in the minute that began then
};

[[nodiscard]] std::string incoming_path(const ServerPaths& paths, const CameraId& camera);
[[nodiscard]] std::string held_path(const ServerPaths& paths, const CameraId& camera);
[[nodiscard]] std::string part_name(const std::string& drop);  // what a drop was called while it was uploaded

}  // namespace shutterseal::ingestd
