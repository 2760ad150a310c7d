// SPDX-License-Identifier: Apache-2.0
// The capture directory: which pictures are finished, and taking them before the camera software reuses their names.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "src/base/fd.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/unlinker.h"

namespace shutterseal::uploader {

class Capture {
 public:
  explicit Capture(const std::string& path);  // makes .claimed/ and rejected/ inside; Error when the directory is missing
  [[nodiscard]] int claimed_dir() const { return claimed_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Moves every finished picture to .claimed/ as TIME+NAME, oldest first, at most `most`; gives the claimed names in order.
  // Finished: nobody has it open for writing (a read lease says so, fcntl(2)), and it ends like a JPEG or has not changed for a minute.
  [[nodiscard]] std::vector<std::string> claim_finished(std::size_t most);
  [[nodiscard]] std::vector<std::string> claimed() const;  // what lies in .claimed/, oldest first: also what an earlier run left
  [[nodiscard]] bool has_claimed(const std::string& name) const;
  void remove_claimed(const std::vector<std::string>& names);
  void sync_claimed() const;  // what was claimed and removed so far is durable
  // To rejected/, under its own name (a number in front when that is taken). Gives the new name.
  std::string reject(const std::string& claimed_name) const;
  [[nodiscard]] std::size_t count_waiting() const;
  // Inode and time of each original: another picture under the same name, or in the same file, is another one. `finished`: of finished ones alone.
  [[nodiscard]] std::set<std::string> fingerprints(bool finished) const;
  [[nodiscard]] std::size_t count_rejected() const;

 private:
  std::string path_;
  Fd dir_, claimed_, rejected_;
  Unlinker unlinker_;
};

[[nodiscard]] std::string original_name(const std::string& claimed_name);
// The name inside the envelope: the software's own if it has the form CAMERA_YYYY_MM_DD_HH_MM_SS….jpg, else made in that form.
[[nodiscard]] std::string name_in_envelope(const CameraId& camera, const std::string& original, TimeMs captured_at);

}  // namespace shutterseal::uploader
