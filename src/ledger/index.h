// SPDX-License-Identifier: Apache-2.0
// The index: what is stored, findable by camera and time, and the unbroken runs that receipts speak of. SQLite, WAL, synchronous=FULL
// (WAL with NORMAL loses commits that were acknowledged). It can always be rebuilt from the evidence.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/verdict.h"
#include "src/envelope/envelope.h"
#include "src/envelope/receipt.h"

namespace shutterseal::ledger {

// In which store an envelope lies, as was decided when it came. What lies put aside is in no run, so no receipt speaks of it.
enum class Place : std::uint8_t {
  evidence = 0,
  put_aside = 1,  // void/: after a theft, and nothing led to it
  acquitted = 2,  // void/: something that came later leads to it, so receipts do, too
};

struct Row {
  CameraId camera;
  TimeMs sealed_at = 0;
  ChainId chain;
  std::uint64_t sequence = 0;
  Digest digest;
  Digest previous;
  TimeMs received_at = 0;
  envelope::Kind kind = envelope::Kind::image;
  Verdict verdict = Verdict::accepted;  // accepted or a stored flag: fork, expired, wrong_recipients
  std::uint64_t size = 0;
  std::string note;      // in clear, untrusted
  std::string location;  // evidence::Location, in the store that `place` names
  Place place = Place::evidence;
};

// What of an envelope makes its chain.
struct Link {
  ChainId chain;
  std::uint64_t sequence = 0;
  Digest digest, previous;
  std::optional<TimeMs> received_at;  // nothing: this server never had it
};
[[nodiscard]] inline Link link_of(const Row& row) { return {row.chain, row.sequence, row.digest, row.previous, row.received_at}; }

struct Query {
  std::optional<CameraId> camera;
  std::optional<TimeMs> from, to;  // from <= t < to
  bool by_received = false;        // else by sealed_at
  std::optional<envelope::Kind> kind;
};

enum class Access { read_only, read_write };

// What the walk after a theft asks.
class Links {
 public:
  virtual ~Links() = default;
  // Of the same camera, what names this one as its `previous`: the next of its chain, and the first of chains that were begun after it.
  [[nodiscard]] virtual std::vector<Link> followers(const CameraId& camera, const Link& link) const = 0;
  [[nodiscard]] virtual std::optional<Row> find_digest(const Digest& digest) const = 0;
};

// One connection; not thread-safe. Errors: Error io / temporary (busy beyond 5 s) / data ("index is corrupt: run 'shutterseal index rebuild'").
class Index : public Links {
 public:
  // read_write makes a missing file. A newer format number is refused (Error config); an older one is migrated, by read_write alone
  // (read_only: Error temporary). A copy that was made while others wrote, without the log that belongs to it, is refused by read_only (Error data).
  Index(const std::string& path, Access access);
  ~Index() override;
  // False: opened for writing without its log, so that rows may be missing, until all of the evidence was looked through.
  [[nodiscard]] bool is_whole() const;
  void completed();  // it was

  void begin();   // BEGIN IMMEDIATE
  void commit();  // durable when it returns
  void rollback() noexcept;

  [[nodiscard]] bool contains(const ChainId& chain, std::uint64_t sequence, const Digest& digest) const;
  [[nodiscard]] std::optional<Row> find_at(const ChainId& chain, std::uint64_t sequence, const Digest& digest) const;
  [[nodiscard]] bool has_location(TimeMs received_at, const std::string& location) const;
  // Would this envelope contradict what is stored? Another digest at the same place, a predecessor whose digest is not `previous`,
  // or a successor whose `previous` is not `digest`. Of the same camera: another one that names this chain contradicts nobody, and takes no run away.
  // Nor does what is put aside.
  [[nodiscard]] bool is_fork(const CameraId& camera, const ChainId& chain, std::uint64_t sequence, const Digest& digest, const Digest& previous) const;
  // Adds the row and, unless it is put aside, joins it to its chain's runs. False when it was there already. Inside a transaction.
  bool insert(const Row& row);
  [[nodiscard]] std::vector<Link> followers(const CameraId& camera, const Link& link) const override;
  [[nodiscard]] std::vector<Row> put_aside(const CameraId& camera) const;  // and not acquitted
  void acquit(const Row& row);  // one that is put aside, now in the runs. Inside a transaction
  // Of one that is known: it is in evidence since an earlier time than was thought. Inside a transaction.
  void backdate(const Row& row);
  // Of one camera, most recently grown first, at most `limit`: what its receipt says.
  [[nodiscard]] std::vector<envelope::Run> runs(const CameraId& camera, std::size_t limit) const;
  void add_refusal(const CameraId& camera, const envelope::Refusal& refusal, TimeMs when);  // keeps the newest kMostRefusals of a camera
  [[nodiscard]] std::vector<envelope::Refusal> refusals(const CameraId& camera) const;
  // Grows by one at each call, durable with the transaction; no clock decides it.
  [[nodiscard]] std::uint64_t next_receipt_number(const CameraId& camera);
  [[nodiscard]] std::uint64_t receipt_number(const CameraId& camera) const;  // the last one; 0: none
  void raise_receipt_number(const CameraId& camera, std::uint64_t least);   // where something else knows of a later one. Inside a transaction

  // Where the store has another file of the same octets. Inside a transaction.
  void relocate(const Row& row, const std::string& location);
  // The store lost it: no run leads over it any more, so the camera hears that it is not held. Inside a transaction.
  void forget(const Row& row);
  [[nodiscard]] std::vector<CameraId> cameras() const;  // that receipts speak to

  // Every name in this folder had its row when the folder had this stamp (evidence::Store::Folder): it need not be read again.
  enum class Store : std::uint8_t { evidence = 0, void_after_theft = 1 };
  [[nodiscard]] bool knows_folder(Store store, const std::string& location, std::int64_t stamp) const;
  void note_folder(Store store, const std::string& location, std::int64_t stamp);  // inside a transaction
  void forget_folders();  // inside a transaction
  // Its evidence lay on a file system of its own when it was last looked at.
  [[nodiscard]] bool was_apart(const CameraId& camera) const;
  void note_apart(const CameraId& camera, bool is_apart);  // inside a transaction

  [[nodiscard]] std::optional<Row> find_digest(const Digest& digest) const override;
  void find(const Query& query, const std::function<void(const Row&)>& visit) const;  // ordered by camera and time
  void events_since(TimeMs received_from, const std::function<void(const Row&)>& visit) const;  // in order of arrival
  [[nodiscard]] std::uint64_t count() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace shutterseal::ledger
