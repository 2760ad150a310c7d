// SPDX-License-Identifier: Apache-2.0
// The capture directory as a place that may vanish, be replaced, mounted over or turn read-only at any time: its descriptors, and whether its path still
// leads there. Whoever finds that it does not can still finish what lies at the old place, by the old descriptors, before opening the new one.
#pragma once

#include <string>

#include "src/base/fd.h"

namespace shutterseal::uploader {

inline constexpr const char *kClaimedFolder = ".claimed", *kRejectedFolder = "rejected";

class Place {
 public:
  explicit Place(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] const std::string& path() const { return path_; }

  // Opens what the path leads to now, and makes .claimed/ and rejected/ where they are missing. It throws nothing: see reason().
  void open();
  [[nodiscard]] bool is_there() const { return static_cast<bool>(claimed_); }
  [[nodiscard]] bool is_same() const;  // is there, can be written, and the path and .claimed in it lead to what is held
  void mend_rejected();                // alone: what lies in the old one was judged, and nothing waits for it
  [[nodiscard]] bool is_elsewhere() const;    // the path leads to another directory than the one that is held, or nowhere
  [[nodiscard]] bool is_deleted() const;      // what is held has no name any more: nothing can be left there
  [[nodiscard]] bool may_be_written() const;  // what is held
  // Why it is not there, as a word: missing, no-directory, not-readable, not-writable, read-only, broken, no-claims. Empty when it is.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] bool has_rejected() const { return static_cast<bool>(rejected_); }

  [[nodiscard]] int dir() const { return dir_.get(); }
  [[nodiscard]] int claimed() const { return claimed_.get(); }
  [[nodiscard]] int rejected() const { return rejected_.get(); }  // -1: it cannot be made

 private:
  [[nodiscard]] std::string open_all();
  std::string path_, reason_ = "missing";
  Fd dir_, claimed_, rejected_;
};

}  // namespace shutterseal::uploader
