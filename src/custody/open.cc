// SPDX-License-Identifier: Apache-2.0
// verify: the verdict on envelopes, offline. open: all layers with a custodian's key, and the pictures.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/examine.h"
#include "src/custody/files.h"
#include "src/custody/progress.h"
#include "src/report/json.h"

namespace shutterseal::custody {

static std::string received_text(const TheftFinding& theft) {
  if (!theft.is_index_known) return "unknown";
  return theft.received_at ? rfc3339_ms(*theft.received_at) : "never";
}

static void add_theft(report::Json& object, const TheftFinding& theft) {
  object["stolen_at"] = rfc3339_ms(theft.stolen_at);
  if (theft.received_at || !theft.is_index_known) object["received"] = received_text(theft);
  if (theft.proof) object["proof"] = theft.proof.text();
}

static std::string theft_text(const TheftFinding& theft) {
  if (theft.proof) return " proof=" + theft.proof.text();
  return " stolen=" + rfc3339_ms(theft.stolen_at) + " received=" + received_text(theft);
}

// One line, or one JSON object, an envelope. The passage is shown when its signature was good, and never otherwise.
static void print_verdict(const std::string& file, const Examined& one, bool json, const std::string& out) {
  const auto& judged = one.judged;
  const bool is_signed = !judged.passage.camera.empty();
  if (json) {
    report::Json object{{"file", file}, {"verdict", verdict_name(one.verdict)}};
    if (one.theft) add_theft(object, *one.theft);
    if (is_signed) {
      object.update(report::Json{{"camera", judged.passage.camera}, {"chain", judged.passage.chain.hex()}, {"sequence", judged.passage.sequence},
                                 {"sealed", rfc3339_ms(judged.passage.sealed_at)}, {"sha256", judged.digest.hex()}});
      if (judged.passage.note) object["note"] = *judged.passage.note;
    }
    if (!out.empty()) object["picture"] = out;
    say("{}\n", report::to_text(object));
    return;
  }
  std::string line = escape_untrusted(file, kLongestSubject) + ": " + std::string(verdict_name(one.verdict));
  if (is_signed)
    line += fmt::format(" camera={} chain={} sequence={} sealed={}", escape_untrusted(judged.passage.camera), judged.passage.chain.hex().substr(0, 8),
                        judged.passage.sequence, rfc3339_ms(judged.passage.sealed_at));
  if (one.theft) line += theft_text(*one.theft);
  if (!out.empty()) line += " picture=" + quote_untrusted(out, kLongestSubject);
  say("{}\n", line);
}

static std::vector<std::string> files_of(const config::Arguments& arguments) { return {arguments.operands().begin() + 1, arguments.operands().end()}; }

static int verify_command(const config::Arguments& arguments) {
  Examiner examiner(arguments);
  const auto files = files_of(arguments);
  examiner.take_note_of(files);
  bool all_good = true;
  for (const auto& file : files) {
    for (const auto& one : examiner.examine(file).envelopes) {
      print_verdict(file, one, arguments.has("json"), "");
      stop_if_unheard();
      all_good = all_good && is_stored(one.verdict);
    }
  }
  return all_good ? 0 : 1;
}

// ---- open -----------------------------------------------------------------------------------------------------------------------

// A camera chose the name; the reader let only a plain component pass. Hidden files and options are still not what anybody wants.
static std::string safe_name(const std::string& name) { return name.front() == '.' || name.front() == '-' ? "_" + name : name; }

static std::string write_picture(const Fd& dir, const std::string& out, const envelope::Opened& opened) {
  const auto& capture = opened.capture;
  const auto plain = safe_name(capture.file_name);
  const auto place = capture.chain.hex().substr(0, 8) + "-" + std::to_string(capture.sequence) + "-";
  const auto unique = place + envelope::sha256(opened.content).hex().substr(0, 16) + "-" + plain.substr(0, 200);
  for (const auto& name : {plain, place + plain.substr(0, 220), unique}) {
    CommitGroup group;
    group.add(dir.get(), name, {opened.content}, 0600, out + "/" + name);
    const auto linked = group.commit().front();
    if (linked == Linked::different) continue;  // cameras reuse names: the second gets its place in the chain in front, and of a fork's two its digest
    const struct timespec when[2] = {{0, UTIME_OMIT}, {capture.captured_at / 1000, capture.captured_at % 1000 * 1'000'000}};
    if (::utimensat(dir.get(), name.c_str(), when, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("cannot date", out + "/" + name);
    return out + "/" + name;
  }
  throw Error(ErrorKind::cannot_create, "cannot make '" + escape_untrusted(out + "/" + unique, kLongestSubject) + "': it exists with other bytes");
}

// Gives the name of the picture written; empty when the inner layers were refused, and `one` then says why.
static std::string open_one(Examined& one, ByteView bytes, const envelope::PrivateKey& key, const Fd& dir, const std::string& out, bool also_void) {
  if (!is_stored(one.verdict) && !(also_void && one.verdict == Verdict::void_after_theft)) return {};
  const auto opened = envelope::open_envelope(bytes, one.judged, one.signer->key, key);
  if (opened.verdict == Verdict::accepted) return write_picture(dir, out, opened);
  one.verdict = opened.verdict;
  return {};
}

static int open_command(const config::Arguments& arguments) {
  const auto out = needed(arguments, "out");
  const auto key_file = needed(arguments, "key");
  Examiner examiner(arguments);
  const auto key = read_private_key(arguments, key_file, "custodian");
  make_dirs(out, 0700);
  const auto dir = open_dir(out);
  const auto files = files_of(arguments);
  examiner.take_note_of(files);
  Progress progress("files opened");
  std::uint64_t done = 0;
  bool all_good = true;
  for (const auto& file : files) {
    auto examined = examiner.examine(file);
    for (auto& one : examined.envelopes) {
      const auto written = open_one(one, examined.view(one), key, dir, out, arguments.has("void"));
      print_verdict(file, one, arguments.has("json"), written);
      all_good = all_good && is_stored(one.verdict);
    }
    progress.show(++done);
  }
  return all_good ? 0 : 1;
}

std::vector<Command> open_commands() {
  std::vector<config::Option> options{{"registry", "DIR", "the cameras' registry (default: the server's)"},
                                      {"certificate", "CERT", "believe these cameras' certificates instead of a registry", true},
                                      {"custodian", "CERT", "the custodians that may be recipients (default: the server's)", true},
                                      {"index", "FILE", "what the server had when, should a camera have been stolen (default: the server's)"},
                                      {"json", "", "one JSON object a line"}};
  auto more = options;
  more.insert(more.end(), {{"key", "KEY", "the custodian's key"},
                           {"passphrase-file", "FILE", "its passphrase (mode 0600)"},
                           {"void", "", "open what is void after a theft, too; it stays void"},
                           {"out", "DIR", "where the pictures go"}});
  constexpr std::size_t kMany = SIZE_MAX - 8;
  return {{"verify", "FILE...", "Says the verdict on envelopes. Exit 0: all good.", options, verify_command, 1, kMany},
          {"open", "FILE... --key KEY --out DIR", "Verifies all layers of envelopes, decrypts and writes the pictures.", more, open_command, 1, kMany}};
}

}  // namespace shutterseal::custody
