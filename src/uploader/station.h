// SPDX-License-Identifier: Apache-2.0
// The sealing station: from a claimed picture to an envelope in the spool, under the chain lock.
//
// Order, and the crash each step answers: envelopes are written without names; state/chain says which sequence, digest and original
// each will have; the names appear (crash before: the originals are sealed again; after: reconcile() finds them); the originals go.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/envelope/envelope.h"
#include "src/uploader/capture.h"
#include "src/uploader/chain.h"
#include "src/uploader/gaps.h"
#include "src/uploader/identity.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

struct SealingResult {
  std::vector<Envelope> sealed;
  std::size_t vanished = 0;           // claimed, and taken away before they could be read
};

class Station {
 public:
  // `capture` may be null: for events alone.
  Station(const Context& context, const Identity& identity, const envelope::Sealer& sealer, Capture* capture, Spool& spool);
  // Finishes what an earlier run left half done and takes in what another process sealed. Before anything else, and now and then.
  void recover();
  // Seals these claimed pictures as one group; what is none goes to rejected/, what cannot be sealed stays, and `capture` knows of both. Error io when the
  // disk is full: the originals stay in .claimed/.
  [[nodiscard]] SealingResult seal_pictures(const std::vector<std::string>& claimed);
  Envelope seal_event(const std::string& note, const std::string& text);
  // Of envelopes that were sealed and are lost, or refused; pictures alone, or each statement would cause the next. `with_damaged`: a receipt was looked
  // at since they were put aside.
  [[nodiscard]] std::vector<Gap> find_gaps(bool with_damaged);
  // The server has envelopes of this chain that we do not know, or others than ours (a restored card, a clone): a new chain is due.
  [[nodiscard]] bool is_overtaken(const std::vector<envelope::Run>& runs);
  void start_new_chain();

 private:
  struct Draft;
  // Between threads the mutex counts, between processes the file: an alert is another process.
  struct Held {
    std::unique_lock<std::mutex> own;
    FileLock file;
  };
  [[nodiscard]] Held hold_chain();
  [[nodiscard]] ChainState load();
  [[nodiscard]] std::vector<Gap> look_for_vanished();
  [[nodiscard]] std::vector<Gap> look_for_put_aside(bool with_damaged);
  [[nodiscard]] std::optional<HostileFile> open_claimed(const std::string& claimed, SealingResult& result);
  void add_picture(Draft& draft, const std::string& claimed, SealingResult& result);
  void add_sealed(Draft& draft, const envelope::Sealed& sealed, const std::string& original);
  [[nodiscard]] envelope::Passage next_passage(const Draft& draft) const;
  void commit(Draft& draft);
  void remove_finished(const std::vector<std::string>& originals, const std::string& claimed_dir) const;
  void store(const ChainState& state);

  const Context& context_;
  const Identity& identity_;
  const envelope::Sealer& sealer_;
  Capture* capture_;
  Spool& spool_;
  std::string chain_file_;
  std::mutex mutex_;
  std::string written_;                // what we wrote last: while the file still says so, `state_` is right
  std::optional<ChainState> state_;
};

}  // namespace shutterseal::uploader
