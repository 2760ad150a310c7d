// SPDX-License-Identifier: Apache-2.0
// Files of envelopes, judged for people: by the signature, the camera's certificates, and what is known of thefts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/config/arguments.h"
#include "src/envelope/envelope.h"
#include "src/ledger/index.h"
#include "src/registry/registry.h"
#include "src/server/theft.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

// What of a stolen camera is said beside the verdict.
struct TheftFinding {
  TimeMs stolen_at = 0;
  bool is_index_known = false;        // without, nobody can say what the server had
  std::optional<TimeMs> received_at;  // nothing: the server never had it
  ledger::Proof proof;
};
// When the server had it, by its own clock: a row of the index, or the place of the file in a copy of the evidence.
struct Received {
  TimeMs at = 0;
  bool by_path = false;
};
struct Examined {
  envelope::Judged judged;
  Verdict verdict = Verdict::malformed;
  const server::Signer* signer = nullptr;
  std::optional<Received> received;  // nothing: not known here, and 'expired' or not rests on the camera's own clock
  std::optional<TheftFinding> theft;  // of a stolen camera's
};
// A file of evidence is one envelope; one of quarantine/ or of a spool may be several back to back.
struct ExaminedFile {
  Bytes content;
  std::vector<Examined> envelopes;
  [[nodiscard]] ByteView view(const Examined& one) const { return ByteView(content).subspan(one.judged.offset, one.judged.size); }
};

// Every certificate that this call believes, and whose it is; and the index, which says when the server had what.
class Examiner {
 public:
  // --certificate, --registry, --custodian, --index.
  explicit Examiner(const config::Arguments& arguments);
  // The envelopes of a call, also of one file, may lead to each other; with no stolen camera there is nothing to do.
  void take_note_of(const std::vector<std::string>& files);
  // Error no_input when the file cannot be read.
  [[nodiscard]] ExaminedFile examine(const std::string& file);

 private:
  void believe(const server::Signer& signer, const std::string& camera);
  void believe_given(const config::Arguments& arguments);
  [[nodiscard]] bool is_any_stolen() const;
  [[nodiscard]] const ledger::Index* index();
  [[nodiscard]] std::optional<Received> received_of(const std::string& file, const envelope::Judged& judged);
  [[nodiscard]] std::optional<ledger::Row> row_for_time(const CameraId& camera, const Digest& digest);
  [[nodiscard]] Examined weigh(const std::string& file, const envelope::Judged& judged);
  void take_note_of(const Examined& one);
  void weigh_theft(Examined& one);
  [[nodiscard]] std::optional<ledger::Row> row_of(const CameraId& camera, const Digest& digest);
  [[nodiscard]] ExaminedFile judge(const std::string& file);

  std::string index_path_;
  bool is_index_given_ = false, is_index_in_trouble_ = false;
  std::vector<server::Signer> signers_;
  std::map<Digest, std::string> camera_of_;  // by certificate
  std::vector<envelope::TrustedSigner> keys_;
  std::vector<Ski> custodians_;
  std::optional<registry::Registry> registry_;
  std::optional<ledger::Index> index_;
  std::optional<server::Thefts> thefts_;
  envelope::Judge judge_;
};

}  // namespace shutterseal::custody
