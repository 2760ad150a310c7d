// SPDX-License-Identifier: Apache-2.0
// verify: the verdict on envelopes, offline. open: all layers with a custodian's key, and the pictures.
#include <fmt/format.h>

#include <functional>

#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/album.h"
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

// What was written of an envelope, if anything was; the camera's own name for it is shown where it is another.
struct Written {
  Album::Kept kept;
  std::string camera_name;
};

static std::string_view time_word(const Examined& one) {
  if (!is_stored(one.verdict)) return {};
  if (!one.received) return "not-proved";
  return one.received->by_path ? "by-path" : "";
}

static void add_passage(report::Json& object, const Examined& one) {
  const auto& passage = one.judged.passage;
  object.update(report::Json{{"camera", passage.camera}, {"chain", passage.chain.hex()}, {"sequence", passage.sequence},
                             {"sealed", rfc3339_ms(passage.sealed_at)}, {"sha256", one.judged.digest.hex()}});
  if (one.received) object["received"] = rfc3339_ms(one.received->at);
  if (const auto word = time_word(one); !word.empty()) object["time"] = word;
  if (passage.note) object["note"] = *passage.note;
}

static std::string_view content_word(const Examined& one) { return one.judged.passage.kind == envelope::Kind::image ? "no-jpeg" : "no-text"; }

static void print_json(const std::string& file, const Examined& one, const std::optional<Written>& written) {
  report::Json object{{"file", file}, {"verdict", verdict_name(one.verdict)}};
  if (one.theft) add_theft(object, *one.theft);
  if (!one.judged.passage.camera.empty()) add_passage(object, one);
  if (written) {
    object["picture"] = written->kept.path;
    object["name"] = written->camera_name;
    if (!written->kept.is_as_said) object["content"] = content_word(one);
  }
  say("{}\n", report::to_text(object));
}

static std::string passage_text(const Examined& one) {
  const auto& passage = one.judged.passage;
  auto text = fmt::format(" camera={} chain={} sequence={} sealed={}", escape_untrusted(passage.camera), passage.chain.hex().substr(0, 8), passage.sequence,
                          rfc3339_ms(passage.sealed_at));
  const bool is_said_below = one.theft && !one.theft->proof;
  if (one.received && !is_said_below) text += " received=" + rfc3339_ms(one.received->at);
  if (const auto word = time_word(one); !word.empty()) text += " time=" + std::string(word);
  return text;
}

static std::string written_text(const Examined& one, const Written& written) {
  auto text = " picture=" + quote_untrusted(written.kept.path, kLongestSubject);
  if (!written.kept.path.ends_with("/" + written.camera_name)) text += " name=" + quote_untrusted(written.camera_name, envelope::kLongestName);
  if (!written.kept.is_as_said) text += " content=" + std::string(content_word(one));
  return text;
}

// One line, or one JSON object, an envelope. The passage is shown when its signature was good, and never otherwise.
static void print_verdict(const std::string& file, const Examined& one, bool json, const std::optional<Written>& written = {}) {
  if (json) return print_json(file, one, written);
  std::string line = escape_untrusted(file, kLongestSubject) + ": " + std::string(verdict_name(one.verdict));
  if (!one.judged.passage.camera.empty()) line += passage_text(one);
  if (one.theft) line += theft_text(*one.theft);
  if (written) line += written_text(one, *written);
  say("{}\n", line);
}

static std::vector<std::string> files_of(const config::Arguments& arguments) { return {arguments.operands().begin() + 1, arguments.operands().end()}; }

// What a call says in the end: one file that cannot be read stops no other, and is the exit status.
class Answer {
 public:
  // Whatever `examine` does for one file.
  void of(const std::function<void()>& examine) {
    try {
      examine();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::no_input) throw;
      fmt::print(stderr, "{}: {}\n", kProgram, make_printable(error.what()));
      status_ = exit_code(error.kind());
    }
  }
  void note(Verdict verdict) {
    if (!is_stored(verdict) && status_ == 0) status_ = 1;
  }
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_ = 0;
};

static int verify_command(const config::Arguments& arguments) {
  Examiner examiner(arguments);
  const auto files = files_of(arguments);
  examiner.take_note_of(files);
  Answer answer;
  for (const auto& file : files) {
    answer.of([&] {
      for (const auto& one : examiner.examine(file).envelopes) {
        print_verdict(file, one, arguments.has("json"));
        answer.note(one.verdict);
      }
    });
    stop_if_unheard();
  }
  return answer.status();
}

// ---- open -----------------------------------------------------------------------------------------------------------------------

// Nothing when the inner layers were refused, and `one` then says why.
static std::optional<Written> open_one(Examined& one, ByteView bytes, const envelope::PrivateKey& key, Album& album, bool also_void) {
  if (!is_stored(one.verdict) && !(also_void && one.verdict == Verdict::void_after_theft)) return std::nullopt;
  const auto opened = envelope::open_envelope(bytes, one.judged, one.signer->key, key);
  if (opened.verdict == Verdict::accepted) return Written{album.keep(one.judged.passage.kind, opened), opened.capture.file_name};
  one.verdict = opened.verdict;
  return std::nullopt;
}

static int open_command(const config::Arguments& arguments) {
  const auto out = needed(arguments, "out");
  const auto key_file = needed(arguments, "key");
  Examiner examiner(arguments);
  const auto key = read_private_key(arguments, key_file, "custodian");
  Album album(out);
  const auto files = files_of(arguments);
  examiner.take_note_of(files);
  Progress progress("files opened");
  std::uint64_t done = 0;
  Answer answer;
  for (const auto& file : files) {
    answer.of([&] {
      auto examined = examiner.examine(file);
      for (auto& one : examined.envelopes) {
        const auto written = open_one(one, examined.view(one), key, album, arguments.has("void"));
        print_verdict(file, one, arguments.has("json"), written);
        answer.note(one.verdict);
      }
    });
    progress.show(++done);
  }
  return answer.status();
}

std::vector<Command> open_commands() {
  std::vector<config::Option> options{{"registry", "DIR", "the cameras' registry (default: the server's)"},
                                      {"certificate", "CERT", "believe these cameras' certificates instead of a registry", true},
                                      {"custodian", "CERT", "the custodians that may be recipients (default: the server's)", true},
                                      {"index", "FILE", "what the server had when (default: the server's; \"\": none)"},
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
