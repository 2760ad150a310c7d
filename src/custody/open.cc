// SPDX-License-Identifier: Apache-2.0
// verify: the verdict on envelopes, offline. open: all layers with a custodian's key, and the pictures.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <map>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/custody/progress.h"
#include "src/report/json.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

static constexpr std::size_t kLargestFile = 128 * 1024 * 1024;  // a parcel of several

// Every certificate that this call believes, and whose it is.
struct Believed {
  std::vector<server::Signer> signers;
  std::map<Digest, std::string> camera_of;  // by certificate
  std::vector<envelope::TrustedSigner> keys;
  std::vector<Ski> custodians;
};

static void believe(Believed& believed, const server::Signer& signer, const std::string& camera) {
  believed.signers.push_back(signer);
  believed.keys.push_back(signer.key);
  believed.camera_of[signer.key.certificate] = camera;
}

static Believed believe_given(const config::Arguments& arguments) {
  Believed believed;
  for (const auto& path : arguments.all("certificate")) {
    const auto certificate = read_certificate(path);
    const auto camera = CameraId::from_account(certificate.common_name);
    if (!camera) throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' is no camera's certificate");
    believe(believed, server::signer_of(certificate), camera->text());
  }
  if (!believed.signers.empty()) return believed;
  const auto registry = registry_of(arguments);
  for (const auto& id : registry.list())
    for (const auto& signer : server::camera_signers(registry, id)) believe(believed, signer, id.text());
  return believed;
}

static Believed load_believed(const config::Arguments& arguments) {
  auto believed = believe_given(arguments);
  const auto paths = paths_of(arguments);
  for (const auto& path : arguments.all("custodian")) believed.custodians.push_back(read_certificate(path).ski);
  if (believed.custodians.empty() && exists(paths.custodians)) believed.custodians = server::skis_of(server::read_certificates(paths.custodians));
  return believed;
}

struct Examined {
  envelope::Judged judged;
  Verdict verdict = Verdict::malformed;
  const server::Signer* signer = nullptr;
};

// A file of evidence is one envelope; one of quarantine/ or of a spool may be several back to back.
struct ExaminedFile {
  Bytes content;
  std::vector<Examined> envelopes;
  [[nodiscard]] ByteView view(const Examined& one) const { return ByteView(content).subspan(one.judged.offset, one.judged.size); }
};

static Examined weigh(const envelope::Judged& judged, const Believed& believed) {
  Examined one{judged, judged.verdict, nullptr};
  if (!is_stored(one.verdict)) return one;
  one.signer = server::find_signer(believed.signers, judged.certificate);
  SHUTTERSEAL_BUG_UNLESS(one.signer != nullptr);
  // Who knows no custodians cannot say that none of them is a recipient.
  if (one.verdict == Verdict::wrong_recipients && believed.custodians.empty()) one.verdict = Verdict::accepted;
  if (one.verdict == Verdict::accepted && judged.passage.sealed_at > one.signer->not_after) one.verdict = Verdict::expired;
  if (believed.camera_of.at(judged.certificate) != judged.passage.camera) one.verdict = Verdict::wrong_camera;
  return one;
}

static ExaminedFile examine(const std::string& file, const Believed& believed, envelope::Judge& judge) {
  const auto opened = open_hostile(AT_FDCWD, file);
  if (opened.problem == HostileProblem::vanished || opened.problem == HostileProblem::unreadable)
    throw Error(ErrorKind::no_input, "cannot read '" + escape_untrusted(file, kLongestSubject) + "'");
  const auto only = [](Verdict verdict) { return ExaminedFile{{}, {{{}, verdict, nullptr}}}; };
  if (opened.problem != HostileProblem::none) return only(Verdict::not_a_file);
  if (static_cast<std::uint64_t>(opened.info.st_size) > kLargestFile) return only(Verdict::too_large);
  ExaminedFile examined{read_fd(opened.fd.get(), file, kLargestFile), {}};
  for (const auto& judged : judge.parcel(examined.content, "", believed.keys, believed.custodians))
    examined.envelopes.push_back(weigh(judged, believed));
  return examined;
}

// One line, or one JSON object, an envelope. The passage is shown when its signature was good, and never otherwise.
static void print_verdict(const std::string& file, Verdict verdict, const envelope::Judged& judged, bool json, const std::string& out) {
  const bool is_signed = !judged.passage.camera.empty();
  if (json) {
    report::Json object{{"file", file}, {"verdict", verdict_name(verdict)}};
    if (is_signed) {
      object.update(report::Json{{"camera", judged.passage.camera}, {"chain", judged.passage.chain.hex()}, {"sequence", judged.passage.sequence},
                                 {"sealed", rfc3339_ms(judged.passage.sealed_at)}, {"sha256", judged.digest.hex()}});
      if (judged.passage.note) object["note"] = *judged.passage.note;
    }
    if (!out.empty()) object["picture"] = out;
    fmt::print("{}\n", report::to_text(object));
    return;
  }
  std::string line = escape_untrusted(file, kLongestSubject) + ": " + std::string(verdict_name(verdict));
  if (is_signed)
    line += fmt::format(" camera={} chain={} sequence={} sealed={}", escape_untrusted(judged.passage.camera), judged.passage.chain.hex().substr(0, 8),
                        judged.passage.sequence, rfc3339_ms(judged.passage.sealed_at));
  if (!out.empty()) line += " picture=" + quote_untrusted(out, kLongestSubject);
  fmt::print("{}\n", line);
}

static int verify_command(const config::Arguments& arguments) {
  const auto believed = load_believed(arguments);
  envelope::Judge judge;
  bool all_good = true;
  for (std::size_t i = 1; i < arguments.operands().size(); ++i) {
    const auto& file = arguments.operands()[i];
    for (const auto& one : examine(file, believed, judge).envelopes) {
      print_verdict(file, one.verdict, one.judged, arguments.has("json"), "");
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
static std::string open_one(Examined& one, ByteView bytes, const envelope::PrivateKey& key, const Fd& dir, const std::string& out) {
  if (!is_stored(one.verdict)) return {};
  const auto opened = envelope::open_envelope(bytes, one.judged, one.signer->key, key);
  if (opened.verdict == Verdict::accepted) return write_picture(dir, out, opened);
  one.verdict = opened.verdict;
  return {};
}

static int open_command(const config::Arguments& arguments) {
  const auto out = needed(arguments, "out");
  const auto key_file = needed(arguments, "key");
  const auto believed = load_believed(arguments);
  const auto key = read_private_key(arguments, key_file, "custodian");
  make_dirs(out, 0700);
  const auto dir = open_dir(out);
  envelope::Judge judge;
  Progress progress("files opened");
  bool all_good = true;
  for (std::size_t i = 1; i < arguments.operands().size(); ++i) {
    const auto& file = arguments.operands()[i];
    auto examined = examine(file, believed, judge);
    for (auto& one : examined.envelopes) {
      const auto written = open_one(one, examined.view(one), key, dir, out);
      print_verdict(file, one.verdict, one.judged, arguments.has("json"), written);
      all_good = all_good && is_stored(one.verdict);
    }
    progress.show(i);
  }
  return all_good ? 0 : 1;
}

std::vector<Command> open_commands() {
  std::vector<config::Option> options{{"registry", "DIR", "the cameras' registry (default: the server's)"},
                                      {"certificate", "CERT", "believe these cameras' certificates instead of a registry", true},
                                      {"custodian", "CERT", "the custodians that may be recipients (default: the server's)", true},
                                      {"json", "", "one JSON object a line"}};
  auto more = options;
  more.insert(more.end(), {{"key", "KEY", "the custodian's key"},
                           {"passphrase-file", "FILE", "its passphrase (mode 0600)"},
                           {"out", "DIR", "where the pictures go"}});
  constexpr std::size_t kMany = SIZE_MAX - 8;
  return {{"verify", "FILE...", "Says the verdict on envelopes. Exit 0: all good.", options, verify_command, 1, kMany},
          {"open", "FILE... --key KEY --out DIR", "Verifies all layers of envelopes, decrypts and writes the pictures.", more, open_command, 1, kMany}};
}

}  // namespace shutterseal::custody
