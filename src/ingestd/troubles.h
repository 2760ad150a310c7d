// SPDX-License-Identifier: Apache-2.0
// Cameras that wait, each because something of its own does not work: its evidence, its folder in the registry, its receipts, its drop directory. It
// waits alone: nothing of it is taken meanwhile, so that it costs the others nothing. Said once, and again at intervals; looked at again at each rescan;
// then tried with one drop at a time until one went through.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "src/base/log.h"

namespace shutterseal::ingestd {

// Thread-safe.
class Troubles {
 public:
  Troubles(std::string file, const Log& log) : file_(std::move(file)), log_(log) {}
  void wait(const CameraId& camera, const std::string& reason);
  [[nodiscard]] bool waits(const CameraId& camera) const;
  [[nodiscard]] std::vector<CameraId> waiting() const;
  void try_again(const CameraId& camera);           // nothing that can be looked at stands in its way any more
  [[nodiscard]] bool is_tried(const CameraId& camera) const;
  void works(const CameraId& camera);               // a drop of it went all the way
  void forget(const CameraId& camera);              // it is no camera of ours any more
  [[nodiscard]] std::vector<CameraId> take_working();  // since the last call
  // Writes the file. By one thread; gives those that have waited for a minute, each once: for an alarm.
  struct Lasting {
    CameraId camera;
    std::string reason;
  };
  [[nodiscard]] std::vector<Lasting> tend();

 private:
  struct Entry {
    std::string reason;
    bool waits = true;            // else: it is tried
    std::int64_t since = 0, said = 0;  // monotonic
    bool is_told = false;
  };
  void save(std::int64_t now);
  std::string file_;
  const Log& log_;
  mutable std::mutex mutex_;
  std::map<CameraId, Entry> entries_;
  std::atomic<std::size_t> count_{0};  // of entries_: nearly always none, and asked for each drop
  std::vector<CameraId> working_;
  bool is_changed_ = true;       // a daemon that begins writes that none waits
  std::int64_t next_save_ = 0;  // of who tends
};

}  // namespace shutterseal::ingestd
