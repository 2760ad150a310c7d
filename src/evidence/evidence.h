// SPDX-License-Identifier: Apache-2.0
// The evidence store: cam-ID/YYYY-MM-DD/HH/RECEIVEDMS-CHAIN8-SEQUENCE-DIGEST64.p7m, by receiving time (UTC): no camera's clock decides anything.
// A narrow interface, because evidence may also live in an object store: callers keep the opaque location and never build a path.
//
// Two kinds of trouble. What is wrong with one camera's own place (a file where its folder should be, an owner, a quota, a disk of its own) is a value
// and costs that camera alone; what is wrong with the store as a whole (a sync that failed, a full disk) is an Error of the whole call.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/ids.h"
#include "src/base/time.h"

namespace shutterseal::evidence {

using Location = std::string;  // opaque to callers; here the path below the store

// Written already, and nowhere to be found: what is dropped instead of put leaves no trace.
class Draft {
 public:
  virtual ~Draft() = default;
};

struct Item {
  CameraId camera;
  ChainId chain;
  std::uint64_t sequence = 0;
  Digest digest;
  TimeMs received_at = 0;
  ByteView content;  // must live until put() returns; unused where there is a draft
  std::shared_ptr<Draft> draft = nullptr;
};

struct Put {
  Location location = {};                // where it lies now
  std::optional<Location> taken = {};    // its first name: something with other octets has that, and keeps it
  std::optional<Error> trouble = {};     // of this camera's place: not stored, and what else of this camera was put may not be either
};

class Store {
 public:
  virtual ~Store() = default;
  // The octets of an item that will be put, or not: by any thread, while other groups are being put. Error io: it can still be put by its content.
  [[nodiscard]] virtual std::shared_ptr<Draft> draft(const CameraId& camera, TimeMs received_at, ByteView content) = 0;
  // All of the group that has no trouble is on stable storage when this returns, in one go; answers in order. Putting the same item again is fine
  // (identical bytes under the same name). Thread-safe: several groups may be put at the same time. Error io: nothing of the group may be trusted;
  // a crash may leave files that list() will find.
  [[nodiscard]] virtual std::vector<Put> put(const std::vector<Item>& group) = 0;
  [[nodiscard]] virtual Bytes get(const Location& location, std::size_t limit) const = 0;  // Error no_input when missing
  // A file of this size is there. Error: that cannot be told (no permission, a bad disk): neither that it is there nor that it is gone.
  [[nodiscard]] virtual bool contains(const Location& location, std::uint64_t size) const = 0;

  // What is here by name and by folder, without reading any content. What cannot be read, or has no name of ours, is passed to `complain` (may be
  // empty) with the reason, and costs the rest nothing.
  using Complain = std::function<void(const std::string& where, const std::string& why)>;
  struct Found {
    Location location;
    CameraId camera;
    TimeMs received_at = 0;
    std::string digest;  // hex: 64 digits, or the first 16 in the names that older versions gave
  };
  [[nodiscard]] virtual std::vector<CameraId> cameras(const Complain& complain) const = 0;
  // Of one camera, in order of receiving time. Error: its own place cannot be read. None: there is no such place.
  [[nodiscard]] virtual std::vector<Location> folders(const CameraId& camera, const Complain& complain) const = 0;
  [[nodiscard]] virtual Location folder_at(const CameraId& camera, TimeMs received_at) const = 0;
  // Another one whenever a name was added to the folder or taken away; 0: it cannot be looked at, or was changed just now.
  [[nodiscard]] virtual std::int64_t stamp(const Location& folder) const = 0;
  // In no order; a folder of millions is read piece by piece. Error: it cannot be read.
  virtual void list(const CameraId& camera, const Location& folder, const std::function<void(Found)>& visit, const Complain& complain) const = 0;
  // Makes durable what list() found: who put it may have been killed before the names were. Before anything is said of it.
  virtual void settle(const std::vector<Location>& found) = 0;

  // Whether this camera's place would take something now; Error says why not. Leaves no trace but the folders of this hour.
  virtual void probe(const CameraId& camera, TimeMs now) = 0;
  // Lies on a file system of its own: whether one is mounted there tells an empty place from one that is missing. Error: its place cannot be looked at.
  [[nodiscard]] virtual bool is_apart(const CameraId& camera) const = 0;
  // From now on its place may be another than it was (mounted, or no longer). Until then such a change is trouble.
  virtual void forget(const CameraId& camera) = 0;
  virtual void remove(const Location& location) = 0;  // durable; missing is fine
  [[nodiscard]] virtual std::uint64_t free_space() const = 0;
};

// A store in a directory (made if missing, 0750). Keeps the directory descriptors of recent hours open.
[[nodiscard]] std::unique_ptr<Store> open_directory_store(const std::string& directory);

}  // namespace shutterseal::evidence
