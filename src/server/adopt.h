// SPDX-License-Identifier: Apache-2.0
// From a judged envelope to its index row, the same way for a fresh drop, for evidence without a row (a crash, an older index), and for a rebuild of the
// whole index.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/evidence/evidence.h"
#include "src/ledger/index.h"
#include "src/server/trust.h"

namespace shutterseal::server {

// With which flag an envelope with a good signature is stored. The caller has asked index.contains() before.
[[nodiscard]] Verdict stored_verdict(const CameraId& camera, const envelope::Judged& judged, TimeMs not_after, TimeMs received_at,
                                     const ledger::Index& index);
[[nodiscard]] ledger::Row make_row(const CameraId& camera, const envelope::Judged& judged, Verdict verdict, TimeMs received_at,
                                   const evidence::Location& location, ledger::Place place);

// Judges one envelope of a camera; in the daemon by a verifier process.
using JudgeOne = std::function<envelope::Judged(ByteView, const CameraId&, const std::vector<Signer>&)>;

struct Adoption {
  std::uint64_t seen = 0, adopted = 0;
  std::vector<std::string> left_out;  // "LOCATION: why" of what could not be indexed; it stays where it is
};
// One of the two stores, and what its name says of what lies in it: evidence or put_aside.
struct Shelf {
  evidence::Store& store;
  ledger::Place place;
  [[nodiscard]] ledger::Index::Store name() const noexcept {
    return place == ledger::Place::evidence ? ledger::Index::Store::evidence : ledger::Index::Store::void_after_theft;
  }
};

// Gives what lies on a shelf and has no row its row, whatever its time: folder by folder names are held against rows, and a folder that has not changed
// since that was done is not read again. One file, one camera, one folder that cannot be read costs itself.
class Adopter {
 public:
  struct Hooks {
    std::function<void(const Adoption&)> progress;     // now and then
    std::function<void(const ledger::Row&)> adopted;  // with `books` held, before its transaction ends
  };
  // `books` is held while the index is asked, never while files are read or judged: the index has other users meanwhile.
  Adopter(const Shelf& shelf, ledger::Index& index, std::mutex& books, const registry::Registry& registry, JudgeOne judge, Hooks hooks);
  // Nothing, or why this camera must wait: its own place, or what the registry says of it, cannot be read. Nothing of it may be on its way. Error:
  // anything else.
  [[nodiscard]] std::optional<Error> adopt(const CameraId& camera);
  [[nodiscard]] std::optional<Error> adopt(const CameraId& camera, const std::vector<evidence::Location>& folders);
  // Only looks, and notes the folder if every name in it has its row; false if not. Something of this camera may be on its way.
  [[nodiscard]] bool hold(const CameraId& camera, const evidence::Location& folder);
  void finish();  // what is not durable yet
  [[nodiscard]] const Adoption& adoption() const noexcept { return adoption_; }

 private:
  struct Fresh {
    evidence::Store::Found found;
    envelope::Judged judged;
    TimeMs not_after = 0;
  };
  struct Mark {
    evidence::Location folder;
    std::int64_t stamp = 0;
  };
  [[nodiscard]] std::vector<evidence::Store::Found> without_row(const CameraId& camera, const evidence::Location& folder);
  void note_if_whole(const evidence::Location& folder, std::int64_t stamp, std::size_t left_out);
  void adopt_folder(const CameraId& camera, const evidence::Location& folder);
  void adopt_one(evidence::Store::Found found);
  void insert(const Fresh& fresh);
  void relocate(const ledger::Row& row, const evidence::Location& found);
  void commit();
  void leave_out(const std::string& what, const std::string& why) { adoption_.left_out.push_back(what + ": " + why); }

  evidence::Store& store_;
  Shelf shelf_;
  ledger::Index& index_;
  std::mutex& books_;
  JudgeOne judge_;
  Hooks hooks_;
  SignerCache signers_;
  std::vector<Fresh> fresh_;  // not in the index yet
  std::vector<Mark> marks_;
  bool is_apart_ = false;         // on a disk of its own, whose troubles are this camera's
  std::optional<Error> trouble_;  // of the camera at hand
  Adoption adoption_;
};

// All that lies on a shelf, for a rebuild. Cameras that had to wait are among what was left out.
[[nodiscard]] Adoption adopt_all(const Shelf& shelf, ledger::Index& index, const registry::Registry& registry, const JudgeOne& judge,
                                 const std::function<void(const Adoption&)>& progress);

}  // namespace shutterseal::server
