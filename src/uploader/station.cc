// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/station.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/uploader/jpeg.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

// A group that is being sealed: nothing of it has a name yet.
struct Station::Draft {
  explicit Draft(ChainState from) : state(std::move(from)) {}
  ChainState state;
  CommitGroup group;
  std::vector<Envelope> envelopes;
};

Station::Station(const Context& context, const Identity& identity, const envelope::Sealer& sealer, Capture* capture, Spool& spool)
    : context_(context), identity_(identity), sealer_(sealer), capture_(capture), spool_(spool), chain_file_(context.state + "/chain") {}

static constexpr const char* kUnreadable = "the disk cannot read it";
static constexpr const char* kSpoolFolders[] = {"", "/refused", "/kept", "/damaged"};

static void append_names(const std::string& dir, std::vector<EnvelopeName>& names) {
  if (!exists(dir)) return;
  for (const auto& listed : list_envelopes(open_dir(dir).get())) names.push_back(listed.envelope.name);
}

Station::Held Station::hold_chain() {
  std::unique_lock own(mutex_);
  return {std::move(own), FileLock::wait(context_.chain_lock)};
}

// Known to be gone: a place that is not mounted, and a disk that cannot be asked, have not said so.
static bool is_gone(const std::string& dir, const std::string& name) {
  if (::faccessat(AT_FDCWD, (dir + name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) return false;
  return ::access(dir.c_str(), F_OK) == 0;
}

// The chain is held. Another process (an alert) may have sealed since: then the file differs from what we wrote.
ChainState Station::load() {
  const auto text = read_state_text(chain_file_);
  if (state_ && text == written_) return *state_;
  Surroundings around;
  for (const auto* dir : kSpoolFolders) append_names(spool_.path() + dir, around.envelopes);
  const auto receipts = load_receipt_state(context_.state + "/receipt");
  around.sent = &receipts.sent;
  const auto claimed_dir = context_.settings.capture_dir + "/.claimed/";
  around.original_exists = [&](const std::string& name) { return !is_gone(claimed_dir, name); };
  auto result = reconcile(text ? parse_chain(*text, chain_file_) : std::nullopt, around);
  if (!result.finished.empty()) remove_finished(result.finished, claimed_dir);
  store(result.state);
  return result.state;
}

// Before the list of them is forgotten: an original that came back behind that would be sealed a second time.
void Station::remove_finished(const std::vector<std::string>& originals, const std::string& claimed_dir) const {
  // Their envelopes may have got their names from a process that was killed before it synced.
  sync_dir(spool_.dir(), spool_.path());
  // What cannot be removed now (the place turned read-only) is sealed a second time when it can be; waiting for that would seal nothing more at all.
  const Fd claimed(::open(claimed_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!claimed) return;
  bool removed = false;
  for (const auto& name : originals) removed = ::unlinkat(claimed.get(), name.c_str(), 0) == 0 || removed;
  if (removed) sync_dir(claimed.get(), claimed_dir);
}

void Station::store(const ChainState& state) {
  state_.reset();  // until the file is known to say the same
  const auto text = format_chain(state);
  replace_file(chain_file_, as_bytes(text), 0600);
  written_ = text;
  state_ = state;
}

void Station::recover() {
  const auto chain = hold_chain();
  static_cast<void>(load());
  spool_.refresh();
}

envelope::Passage Station::next_passage(const Draft& draft) const {
  return {.camera = identity_.camera().text(),
          .chain = draft.state.chain,
          .sequence = draft.state.next(),
          .previous = draft.state.previous(),
          .kind = envelope::Kind::image,
          .sealed_at = now_ms(),
          .anchor = std::nullopt,
          .note = std::nullopt};
}

void Station::add_sealed(Draft& draft, const envelope::Sealed& sealed, const std::string& original) {
  const EnvelopeName name{draft.state.chain, draft.state.next(), sealed.digest};
  draft.group.add(spool_.dir(), name.text(), {sealed.view()}, 0600, spool_.path() + "/" + name.text());
  draft.state.pending.push_back({name.sequence, sealed.digest, original});
  draft.envelopes.push_back({name, sealed.size, false, original.empty()});
}

// `changing`: somebody still works on it. `broken`: this file cannot be read, for whatever reason; its neighbours can.
enum class Reading { whole, changing, broken };
static Reading read_exactly(const HostileFile& file, std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto got = ::read(file.fd.get(), out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Reading::broken;
    if (got == 0) return Reading::changing;
    filled += static_cast<std::size_t>(got);
  }
  struct stat now {};
  if (::fstat(file.fd.get(), &now) != 0) return Reading::broken;
  const bool same = now.st_size == file.info.st_size && now.st_mtim.tv_sec == file.info.st_mtim.tv_sec && now.st_mtim.tv_nsec == file.info.st_mtim.tv_nsec;
  return same ? Reading::whole : Reading::changing;
}

// The file, if there is something to read; otherwise it was dealt with.
std::optional<HostileFile> Station::open_claimed(const std::string& claimed, SealingResult& result) {
  auto file = open_hostile(capture_->claimed_dir(), claimed);
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  switch (file.problem) {
    case HostileProblem::vanished: ++result.vanished; return std::nullopt;
    case HostileProblem::unreadable: capture_->postpone(claimed, "unreadable", Capture::kLongPauseMs); return std::nullopt;
    case HostileProblem::not_regular: capture_->reject(claimed, "not a regular file", nullptr); return std::nullopt;
    case HostileProblem::broken: capture_->reject(claimed, kUnreadable, nullptr); return std::nullopt;
    case HostileProblem::none: break;
  }
  if (size != 0 && size <= context_.settings.picture_limit) return file;
  capture_->reject(claimed, size == 0 ? "empty" : "larger than picture-limit", size == 0 ? &file.info : nullptr);
  return std::nullopt;
}

void Station::add_picture(Draft& draft, const std::string& claimed, SealingResult& result) {
  const auto file = open_claimed(claimed, result);
  if (!file) return;
  envelope::PictureBuffer buffer(static_cast<std::uint64_t>(file->info.st_size), sealer_.recipients());
  const auto reading = read_exactly(*file, buffer.content());
  if (reading == Reading::changing) return capture_->postpone(claimed, "still changing", Capture::kShortPauseMs);
  if (reading == Reading::broken) return capture_->reject(claimed, kUnreadable, nullptr);
  const auto reason = fault_of_jpeg(buffer.content());
  if (!reason.empty()) return capture_->reject(claimed, reason, &file->info);
  const auto passage = next_passage(draft);
  const auto captured_at = std::clamp<TimeMs>(mtime_ms(file->info), 0, kLatestTime);
  const envelope::Capture inner{.camera = passage.camera,
                                .chain = passage.chain,
                                .sequence = passage.sequence,
                                .file_name = name_in_envelope(identity_.camera(), original_name(claimed), captured_at),
                                .captured_at = captured_at,
                                .media_type = "image/jpeg"};
  add_sealed(draft, sealer_.seal(passage, inner, std::move(buffer)), claimed);
}

// Announced before named: a crash between the two leaves a list of what may exist, and reconcile() looks. By the originals' names: the claims must
// be as durable as the list, or a picture that is back under its first name would be taken for one that was sealed.
void Station::commit(Draft& draft) {
  if (capture_) capture_->sync_claimed();
  store(draft.state);
  state_.reset();  // if the commit fails, only the files say what became of it
  for (const auto linked : draft.group.commit()) SHUTTERSEAL_BUG_UNLESS(linked == Linked::created);
  state_ = draft.state.settled();
  if (!capture_) return;
  std::vector<std::string> originals;
  for (const auto& one : draft.state.pending)
    if (!one.original.empty()) originals.push_back(one.original);
  capture_->remove_claimed(originals);
}

SealingResult Station::seal_pictures(const std::vector<std::string>& claimed) {
  SHUTTERSEAL_BUG_UNLESS(capture_ != nullptr);
  SealingResult result;
  const auto chain = hold_chain();
  Draft draft(load().settled());
  for (const auto& name : claimed) add_picture(draft, name, result);
  if (draft.envelopes.empty()) return result;
  commit(draft);
  spool_.add(draft.envelopes);
  result.sealed = std::move(draft.envelopes);
  return result;
}

Envelope Station::seal_event(const std::string& note, const std::string& text) {
  const auto chain = hold_chain();
  Draft draft(load().settled());
  auto passage = next_passage(draft);
  passage.kind = envelope::Kind::event;
  passage.note = note;
  const envelope::Capture inner{.camera = passage.camera,
                                .chain = passage.chain,
                                .sequence = passage.sequence,
                                .file_name = identity_.camera().text() + format_utc(passage.sealed_at, "_%Y_%m_%d_%H_%M_%S.txt"),
                                .captured_at = passage.sealed_at,
                                .media_type = "text/plain"};
  envelope::PictureBuffer buffer(text.size(), sealer_.recipients());
  std::copy(text.begin(), text.end(), buffer.content().begin());
  add_sealed(draft, sealer_.seal(passage, inner, std::move(buffer)), "");
  commit(draft);
  spool_.add(draft.envelopes);
  return draft.envelopes.front();
}

// The receipts last: the sender remembers what a receipt covers before it takes it out of the spool.
std::vector<Gap> Station::look_for_vanished() {
  const auto state = load();
  std::vector<EnvelopeName> here = spool_.stuck();
  for (const auto* dir : kSpoolFolders) append_names(spool_.path() + dir, here);
  const auto receipts = load_receipt_state(context_.state + "/receipt");
  // Without the memory of what was receipted all of it would look lost.
  return receipts.is_lost ? std::vector<Gap>{} : find_vanished(state, here, receipts.sent);
}

// One that somebody put back into the spool as well is on its way.
static void append_pictures(const Spool& spool, const std::string& folder, std::vector<EnvelopeName>& names) {
  const auto path = spool.path() + folder;
  if (!exists(path)) return;
  const auto dir = open_dir(path);
  for (const auto& listed : list_envelopes(dir.get())) {
    const auto link = link_of(dir.get(), listed.envelope.name);
    if ((!link || !link->event) && !spool.contains(listed.envelope.name)) names.push_back(listed.envelope.name);
  }
}

std::vector<Gap> Station::look_for_put_aside(bool with_damaged) {
  const auto receipts = load_receipt_state(context_.state + "/receipt");
  const auto present = load().chain;
  std::vector<EnvelopeName> refused, damaged = spool_.stuck();
  append_pictures(spool_, "/refused", refused);
  auto gaps = find_put_aside(std::move(refused), "refused", present, receipts.sent);
  if (!with_damaged || receipts.is_lost) return gaps;
  append_pictures(spool_, "/damaged", damaged);
  const auto lost = find_put_aside(std::move(damaged), "damaged", present, receipts.sent);
  gaps.insert(gaps.end(), lost.begin(), lost.end());
  return gaps;
}

// Looked at twice: the sender may just be moving one from folder to folder.
std::vector<Gap> Station::find_gaps(bool with_damaged) {
  const auto chain = hold_chain();
  auto gaps = look_for_vanished();
  if (!gaps.empty() && look_for_vanished() != gaps) gaps.clear();
  const auto put_aside = look_for_put_aside(with_damaged);
  gaps.insert(gaps.end(), put_aside.begin(), put_aside.end());
  return gaps;
}

bool Station::is_overtaken(const std::vector<envelope::Run>& runs) {
  const auto chain = hold_chain();
  const auto state = load();
  return std::any_of(runs.begin(), runs.end(), [&](const envelope::Run& run) {
    return run.chain == state.chain && (run.last >= state.next() || spool_.contradicts({run.chain, run.last, run.last_digest}));
  });
}

void Station::start_new_chain() {
  const auto chain = hold_chain();
  store(new_chain(load().previous()));
}

}  // namespace shutterseal::uploader
