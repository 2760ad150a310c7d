// SPDX-License-Identifier: Apache-2.0
// The capture directory: which pictures are finished, and taking them before the camera software reuses their names. What one file, or the directory itself,
// does wrong costs that alone: it is left or put aside, and said (troubles.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/unlinker.h"
#include "src/uploader/finished.h"
#include "src/uploader/names.h"
#include "src/uploader/place.h"
#include "src/uploader/rejected.h"
#include "src/uploader/settings.h"
#include "src/uploader/tree.h"
#include "src/uploader/troubles.h"

namespace shutterseal::uploader {

// What a look found, beside the pictures that it gives.
struct Counts {
  std::size_t young = 0;    // not finished yet, by any reason
  std::size_t untold = 0;   // of them: another look soon will tell
  std::size_t left = 0;     // finished, and cannot be taken: said
  std::size_t ignored = 0;  // by name
  std::size_t others = 0;   // no pictures by their looks
};

// What was judged since it was asked for the last time.
struct Judged {
  std::vector<std::string> rejected;  // "NAME: REASON", of files that are now in rejected/
  std::uint64_t damaged = 0;          // could be neither read nor moved: lost
  std::vector<std::string> removed;   // from rejected/, beyond its limit
};

class Capture {
 public:
  Capture(const UploadSettings& settings, const std::string& state_dir, Troubles& troubles);  // opens nothing yet

  // ---- the place
  [[nodiscard]] const Place& place() const { return place_; }
  void open();  // what the path leads to now; see Place
  void look_at_rejected();

  // ---- taking
  // Moves every finished picture to .claimed/ as TIME+NAME, oldest first, at most `most`; gives the claimed names in order. Of folders in it, too, as deep as
  // is configured. What is seen to be no picture goes to rejected/ at once.
  [[nodiscard]] std::vector<std::string> claim_finished(std::size_t most);
  [[nodiscard]] std::vector<std::string> claimed();  // what lies in .claimed/, oldest first: also what an earlier run left
  [[nodiscard]] const Counts& counts() const { return counts_; }              // of the last claim_finished()
  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }  // the same, sorted
  [[nodiscard]] Judged take_judged();
  void remove_emptied();  // folders that this object emptied, where that is configured

  // ---- what was claimed
  [[nodiscard]] int claimed_dir() const { return place_.claimed(); }
  [[nodiscard]] const std::string& path() const { return place_.path(); }
  void remove_claimed(const std::vector<std::string>& names);  // what cannot be removed is remembered, and not sealed twice
  void sync_claimed() const;  // what was claimed and removed so far is durable
  // To rejected/, under its own name. What cannot be moved stays where it is, said, and is not given again for a while. `growing`: see Rejected.
  void reject(const std::string& claimed_name, const std::string& reason, const struct stat* growing);
  // It stays, said, and is given again after a while: a long one, or a short one where somebody still works on it.
  void postpone(const std::string& claimed_name, const std::string& reason, std::int64_t pause_ms);
  static constexpr std::int64_t kLongPauseMs = 600'000, kShortPauseMs = 2'000;

  // Inode and time of each original: another picture under the same name, or in the same file, is another one. `finished`: of finished ones alone.
  [[nodiscard]] std::set<std::string> fingerprints(bool finished);

 private:
  struct Candidate {
    TimeMs modified;
    std::string folder, name, path;
  };
  void walk(const std::function<void(const TreeEntry&)>& file);
  void weigh(const TreeEntry& entry, std::vector<Candidate>& finished);
  void weigh_finish(const TreeEntry& entry, const HostileFile& file, bool looks_so, std::vector<Candidate>& finished);
  void weigh_broken(const TreeEntry& entry, int error);
  void put_aside(const TreeEntry& entry, const std::string& reason, const struct stat* growing);
  void leave(const std::string& path, const std::string& reason);
  [[nodiscard]] std::string claim(const Candidate& one);
  [[nodiscard]] static std::string next_claim_name(const std::string& name);
  void claim_grown(std::vector<std::string>& claimed);
  [[nodiscard]] bool is_known_other(const TreeEntry& entry) const;
  void note_other(const TreeEntry& entry);

  const UploadSettings& settings_;
  Troubles& troubles_;
  IgnoredNames ignored_;
  Place place_;
  Finished finished_;
  Rejected rejected_;
  Counts counts_;
  Judged judged_;
  std::vector<std::string> folders_;
  std::set<std::string> emptied_;
  struct Stamp {
    ino_t inode;
    std::int64_t changed_ns;
  };
  std::map<std::string, Stamp> others_;       // no pictures, as they were when that was seen: not opened again at each look
  struct Stay {
    std::string reason;
    std::int64_t until;  // monotonic
  };
  std::map<std::string, Stay> stays_;  // claimed, not sealed: not given again until then
  std::set<std::string> sealed_;       // claimed, sealed, and not removable
  bool looks_first_ = false;                  // the file system cannot refuse to overwrite
  Unlinker unlinker_;
};

[[nodiscard]] std::string original_name(const std::string& claimed_name);
// The name inside the envelope: the software's own if it has the form CAMERA_YYYY_MM_DD_HH_MM_SS….jpg, else made in that form.
[[nodiscard]] std::string name_in_envelope(const CameraId& camera, const std::string& original, TimeMs captured_at);

// For status: what lies there, without taking or making anything.
struct Survey {
  std::size_t pictures = 0, claimed = 0, ignored = 0, others = 0, unreadable = 0, rejected = 0;
  std::uint64_t rejected_octets = 0;
};
[[nodiscard]] Survey survey(const UploadSettings& settings);

}  // namespace shutterseal::uploader
