// SPDX-License-Identifier: Apache-2.0
// The evidence store: cam-ID/YYYY-MM-DD/HH/RECEIVEDMS-CHAIN8-SEQUENCE-DIGEST16.p7m, by receiving time (UTC): no camera's clock decides anything.
// A narrow interface, because evidence may also live in an object store: callers keep the opaque location and never build a path.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/base/bytes.h"
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

class Store {
 public:
  virtual ~Store() = default;
  // The octets of an item that will be put, or not: by any thread, while other groups are being put. Error io: it can still be put by its content.
  [[nodiscard]] virtual std::shared_ptr<Draft> draft(const CameraId& camera, TimeMs received_at, ByteView content) = 0;
  // All of the group is on stable storage when this returns, in one go; locations in order. Putting the same item again is fine (identical
  // bytes under the same name). Thread-safe: several groups may be put at the same time. Error io: nothing of the group may be trusted;
  // a crash may leave files that walk() will find.
  [[nodiscard]] virtual std::vector<Location> put(const std::vector<Item>& group) = 0;
  [[nodiscard]] virtual Bytes get(const Location& location, std::size_t limit) const = 0;  // Error no_input when missing
  [[nodiscard]] virtual bool contains(const Location& location) const = 0;
  // What a name says without reading the content.
  struct Found {
    Location location;
    CameraId camera;
    TimeMs received_at = 0;
    std::string chain8;  // first 8 hex digits
    std::uint64_t sequence = 0;
    std::string digest16;  // first 16 hex digits
  };
  // Every item received at or after `since`, oldest first per camera. Files whose name is not ours are passed to `stranger` (may be empty).
  virtual void walk(TimeMs since, const std::function<void(const Found&)>& visit,
                    const std::function<void(const std::string&)>& stranger) const = 0;
  // Makes durable what walk() found: who put it may have been killed before the names were. Before anything is said of it.
  virtual void settle(const std::vector<Location>& found) = 0;
  virtual void remove(const Location& location) = 0;  // durable; missing is fine
  [[nodiscard]] virtual std::uint64_t free_space() const = 0;
};

// A store in a directory (made if missing, 0750). Keeps the directory descriptors of recent hours open.
[[nodiscard]] std::unique_ptr<Store> open_directory_store(const std::string& directory);

}  // namespace shutterseal::evidence
