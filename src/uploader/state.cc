// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/state.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/uploader/chain.h"
#include "src/uploader/gaps.h"
#include "src/uploader/receipt.h"

namespace shutterseal::uploader {

static constexpr const char* kMadeAgain[] = {"link", "heartbeat", "renewal", "kept-age", "gaps", "losses", "unsealed"};

// ---- reading ------------------------------------------------------------------------------------------------------------------------

std::optional<std::string> read_state_text(const std::string& file) {
  try {
    return std::string(as_text(read_file(file, kLargestTextFile)));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system) throw;  // no descriptor, no memory: none of the file's
    return std::nullopt;
  }
}

std::optional<std::vector<KeyValue>> read_state(const std::string& file) {
  const auto text = read_state_text(file);
  if (!text) return std::nullopt;
  try {
    auto entries = parse_key_values(*text, file);
    if (!entries.empty() && entries.front().key == "format" && entries.front().value == "1") return entries;
  } catch (const Error&) {  // zeros, or half a line
  }
  return std::nullopt;
}

TimeMs time_of(const std::vector<KeyValue>& entries, std::string_view key) {
  for (const auto& entry : entries)
    if (entry.key == key) return static_cast<TimeMs>(parse_decimal(entry.value, kLatestTime).value_or(0));
  return 0;
}

// ---- mending ------------------------------------------------------------------------------------------------------------------------

// Whatever it is, a folder or a damaged inode, too. One that is missing is not there.
static bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static std::string put_aside(const std::string& path, const std::string& suffix) {
  const auto slash = path.find_last_of('/');
  const auto dir = open_dir(path.substr(0, slash));
  const auto name = path.substr(slash + 1);
  return move_file_beside(dir.get(), name, dir.get(), name + suffix, path);
}

static void put_damaged_aside(const std::string& file, const Say& say, const char* then) {
  const auto kept_as = put_aside(file, ".damaged");
  say(LogLine("state-damaged").untrusted("file", file).untrusted("kept-as", kept_as).sentence("then", then));
}

void mend_chain(const Context& context, const Say& say) {
  const auto lock = FileLock::wait(context.chain_lock);
  const auto file = context.state + "/chain";
  if (!is_there(file)) return;
  const auto text = read_state_text(file);
  if (!text || !parse_chain(*text, file)) put_damaged_aside(file, say, "a new chain begins");
}

// Envelopes of the chain that are not here were receipted, or somebody removed them: what would say which is missing as well.
static bool is_anything_gone(const Context& context) {
  const auto file = context.state + "/chain";
  const auto text = read_state_text(file);
  const auto chain = text ? parse_chain(*text, file) : std::nullopt;
  if (!chain) return false;
  std::vector<EnvelopeName> here;
  for (const auto* folder : {"", "/refused", "/kept", "/damaged"}) {
    if (!exists(context.paths.spool + folder)) continue;
    for (const auto& one : list_envelopes(open_dir(context.paths.spool + folder).get())) here.push_back(one.envelope.name);
  }
  // What a crash announced and did not name is not gone.
  return !find_vanished({chain->chain, chain->base, {}, {}}, here, SentRuns()).empty();
}

static void mend_receipts(const Context& context, const Say& say) {
  const auto file = context.state + "/receipt";
  const char* then = "nothing is let go until a receipt is proven to be fresh; sealing and sending go on";
  if (is_there(file)) {
    if (!load_receipt_state(file).is_lost || read_state(file)) return;
    put_damaged_aside(file, say, then);
  } else if (is_anything_gone(context)) {
    say(LogLine("state-damaged").untrusted("file", file).sentence("reason", "it is missing").sentence("then", then));
  } else {
    return;
  }
  ReceiptState lost;
  lost.is_lost = true;
  save_receipt_state(file, lost);
}

void mend_state(const Context& context, const Say& say) {
  mend_chain(context, say);
  mend_receipts(context, say);
  for (const auto* name : kMadeAgain) {
    const auto file = context.state + "/" + name;
    if (is_there(file) && !read_state(file)) put_damaged_aside(file, say, "it is made again");
  }
}

void clear_places(const Context& context) {
  const auto is_folder = [](const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  };
  // Nobody can hold a lock on a folder, so nobody's is taken away.
  for (const auto& lock : {context.run_lock, context.chain_lock, context.state + "/alert.lock"})
    if (is_folder(lock)) static_cast<void>(put_aside(lock, ".in-the-way"));
  for (const auto& folder : {context.paths.spool, context.state})
    if (exists(folder) && !exists(folder + "/.")) static_cast<void>(put_aside(folder, ".in-the-way"));
}

}  // namespace shutterseal::uploader
