// SPDX-License-Identifier: Apache-2.0
#include "src/custody/examine.h"

#include <fcntl.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/custody/files.h"
#include "src/evidence/by_path.h"
#include "src/registry/revocation.h"

namespace shutterseal::custody {

static constexpr std::size_t kLargestFile = 128 * 1024 * 1024;  // a parcel of several

void Examiner::believe(const server::Signer& signer, const std::string& camera) {
  signers_.push_back(signer);
  keys_.push_back(signer.key);
  camera_of_[signer.key.certificate] = camera;
}

void Examiner::believe_given(const config::Arguments& arguments) {
  for (const auto& path : arguments.all("certificate")) {
    const auto certificate = read_certificate(path);
    const auto camera = CameraId::from_account(certificate.common_name);
    if (!camera) throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' is no camera's certificate");
    believe(server::signer_of(certificate), camera->text());
  }
  if (!signers_.empty()) return;
  registry_ = registry_of(arguments);
  thefts_.emplace(*registry_, [this] { return index(); });
  const auto ids = registry_->list();
  // SECURITY: in a copy without it, a certificate by anybody would count, alone in its folder.
  if (!exists(registry_->authority_file()))
    throw Error(ErrorKind::config, "'" + escape_untrusted(registry_->authority_file(), kLongestSubject) + "' is missing: a registry's certificates count beside the authority's alone");
  for (const auto& id : ids)
    for (const auto& signer : server::camera_signers(*registry_, id)) believe(signer, id.text());
}

Examiner::Examiner(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  is_index_given_ = arguments.has("index");
  index_path_ = arguments.get("index", exists(paths.index) ? paths.index : "");
  believe_given(arguments);
  for (const auto& path : arguments.all("custodian")) custodians_.push_back(read_certificate(path).ski);
  if (custodians_.empty() && exists(paths.custodians)) custodians_ = server::skis_of(server::read_certificates(paths.custodians));
}

const ledger::Index* Examiner::index() {
  if (!index_ && !index_path_.empty()) index_.emplace(index_path_, ledger::Access::read_only);
  return index_ ? &*index_ : nullptr;
}

// ---- thefts -----------------------------------------------------------------------------------------------------------------------

// A broken camera.conf is said when an envelope of that camera comes up.
bool Examiner::is_any_stolen() const {
  if (!registry_) return false;
  const auto ids = registry_->list();
  return std::any_of(ids.begin(), ids.end(), [this](const CameraId& id) {
    try {
      const auto camera = registry_->find(id);
      return camera && registry::theft_time(*camera);
    } catch (const Error&) {
      return false;
    }
  });
}

std::optional<ledger::Row> Examiner::row_of(const CameraId& camera, const Digest& digest) {
  const auto* known = index();
  auto row = known ? known->find_digest(digest) : std::nullopt;
  if (row && row->camera != camera) row.reset();
  return row;
}

static ledger::Link link_of(const envelope::Judged& judged) {
  return {judged.passage.chain, judged.passage.sequence, judged.digest, judged.passage.previous, std::nullopt};
}

static std::optional<CameraId> camera_of(const Examined& one) { return is_stored(one.verdict) ? CameraId::parse(one.judged.passage.camera) : std::nullopt; }

void Examiner::take_note_of(const std::vector<std::string>& files) {
  if (!is_any_stolen()) return;
  for (const auto& file : files) {
    try {
      for (const auto& one : judge(file).envelopes) take_note_of(one);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::no_input) throw;  // that is said when its turn comes
    }
  }
}

void Examiner::take_note_of(const Examined& one) {
  const auto camera = camera_of(one);
  auto* theft = camera ? thefts_->of(*camera) : nullptr;
  if (theft && !row_of(*camera, one.judged.digest)) theft->add(link_of(one.judged));
}

void Examiner::weigh_theft(Examined& one) {
  const auto camera = thefts_ ? camera_of(one) : std::nullopt;
  auto* theft = camera ? thefts_->of(*camera) : nullptr;
  if (!theft) return;
  const auto row = row_of(*camera, one.judged.digest);
  const auto link = row ? ledger::link_of(*row) : link_of(one.judged);
  const auto weighed = server::weigh(theft, link, one.verdict);
  one.verdict = weighed.verdict;
  one.theft = TheftFinding{theft->stolen_at(), index() != nullptr, link.received_at, weighed.proof};
}

// ---- the verdict ------------------------------------------------------------------------------------------------------------------

// Of no theft the time alone is asked for: an index that cannot be opened now, and that nobody named, is said and done without. One that is no whole
// one is not.
std::optional<ledger::Row> Examiner::row_for_time(const CameraId& camera, const Digest& digest) {
  if (is_index_in_trouble_) return std::nullopt;
  try {
    return row_of(camera, digest);
  } catch (const Error& error) {
    if (is_index_given_ || error.kind() == ErrorKind::data) throw;
    is_index_in_trouble_ = true;
    Log(kProgram, true, LogLevel::info).warning(LogLine("index-not-read").sentence("reason", error.what()));
    return std::nullopt;
  }
}

std::optional<Received> Examiner::received_of(const std::string& file, const envelope::Judged& judged) {
  const auto camera = CameraId::parse(judged.passage.camera);
  if (!camera) return std::nullopt;
  if (const auto row = row_for_time(*camera, judged.digest)) return Received{row->received_at, false};
  const auto& passage = judged.passage;
  const auto by_path = evidence::received_by_path(file, *camera, passage.chain, passage.sequence, judged.digest);
  return by_path ? std::optional(Received{*by_path, true}) : std::nullopt;
}

// As the daemon does, by the time of arrival. Where that is not known, by the camera's clock, which whoever has the camera can set.
static Verdict dated(Verdict verdict, const std::optional<Received>& received, TimeMs sealed_at, TimeMs not_after) {
  if (received) return is_stored(verdict) && received->at > not_after ? Verdict::expired : verdict;
  return verdict == Verdict::accepted && sealed_at > not_after ? Verdict::expired : verdict;
}

Examined Examiner::weigh(const std::string& file, const envelope::Judged& judged) {
  Examined one{judged, judged.verdict, nullptr, {}, {}};
  if (!is_stored(one.verdict)) return one;
  one.signer = server::find_signer(signers_, judged.certificate);
  SHUTTERSEAL_BUG_UNLESS(one.signer != nullptr);
  // Who knows no custodians cannot say that none of them is a recipient.
  if (one.verdict == Verdict::wrong_recipients && custodians_.empty()) one.verdict = Verdict::accepted;
  one.received = received_of(file, judged);
  one.verdict = dated(one.verdict, one.received, judged.passage.sealed_at, one.signer->not_after);
  if (camera_of_.at(judged.certificate) != judged.passage.camera) one.verdict = Verdict::wrong_camera;
  return one;
}

// A file whose octets a damaged disk does not give is one that cannot be read, like one that is not there.
static Bytes read_opened(int fd, const std::string& file) {
  try {
    return read_fd(fd, file, kLargestFile);
  } catch (const Error& error) {
    throw Error(ErrorKind::no_input, error.what());
  }
}

ExaminedFile Examiner::judge(const std::string& file) {
  const auto opened = open_hostile(AT_FDCWD, file);
  if (opened.problem == HostileProblem::vanished || opened.problem == HostileProblem::unreadable)
    throw Error(ErrorKind::no_input, "cannot read '" + escape_untrusted(file, kLongestSubject) + "'");
  throw_if_broken(opened, file);
  const auto only = [](Verdict verdict) { return ExaminedFile{{}, {{{}, verdict, nullptr, {}, {}}}}; };
  if (opened.problem != HostileProblem::none) return only(Verdict::not_a_file);
  if (static_cast<std::uint64_t>(opened.info.st_size) > kLargestFile) return only(Verdict::too_large);
  ExaminedFile examined{read_opened(opened.fd.get(), file), {}};
  for (const auto& judged : judge_.parcel(examined.content, "", keys_, custodians_)) examined.envelopes.push_back(weigh(file, judged));
  return examined;
}

ExaminedFile Examiner::examine(const std::string& file) {
  auto examined = judge(file);
  for (auto& one : examined.envelopes) weigh_theft(one);
  return examined;
}

}  // namespace shutterseal::custody
