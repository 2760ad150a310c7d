// SPDX-License-Identifier: Apache-2.0
// find: what is in evidence, by camera and time. index rebuild: the index again, from the evidence alone.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/custody/progress.h"
#include "src/ledger/index.h"
#include "src/report/json.h"
#include "src/server/adopt.h"
#include "src/server/theft.h"

namespace shutterseal::custody {

static ledger::Query query_of(const config::Arguments& arguments) {
  ledger::Query query;
  if (arguments.has("camera")) query.camera = camera_id(arguments.get("camera"));
  query.from = time_option(arguments, "from");
  query.to = time_option(arguments, "to");
  const auto by = arguments.get("by", "sealed"), kind = arguments.get("kind");
  if (by != "sealed" && by != "received") throw Error(ErrorKind::usage, "--by is sealed or received");
  query.by_received = by == "received";
  if (kind == "image") query.kind = envelope::Kind::image;
  if (kind == "event") query.kind = envelope::Kind::event;
  if (!kind.empty() && !query.kind) throw Error(ErrorKind::usage, "--kind is image or event");
  return query;
}

static void print_row(const ledger::Row& row, const server::Weighed& weighed, const ServerPaths& paths, bool json) {
  const auto path = (row.place == ledger::Place::evidence ? paths.evidence : paths.void_dir) + "/" + row.location;
  const auto proof = weighed.proof.text();
  const auto* kind = row.kind == envelope::Kind::image ? "image" : "event";
  if (!json) {
    say("{} {:<8} {} {:<8} {:>9} {}{}{}{}{}\n", rfc3339_ms(row.sealed_at), row.camera.text(), kind, verdict_name(weighed.verdict), row.size, path,
               proof.empty() ? "" : " proof=", proof, row.note.empty() ? "" : " ", row.note.empty() ? "" : quote_untrusted(row.note, envelope::kLongestNote));
    return;
  }
  report::Json object{{"camera", row.camera.text()}, {"sealed", rfc3339_ms(row.sealed_at)}, {"received", rfc3339_ms(row.received_at)},
                      {"kind", kind}, {"verdict", verdict_name(weighed.verdict)}, {"chain", row.chain.hex()}, {"sequence", row.sequence},
                      {"sha256", row.digest.hex()}, {"size", row.size}, {"file", path}};
  if (!proof.empty()) object["proof"] = proof;
  if (!row.note.empty()) object["note"] = row.note;
  say("{}\n", report::to_text(object));
}

static int find_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const auto query = query_of(arguments);
  const bool json = arguments.has("json");
  if (!exists(paths.index)) throw Error(ErrorKind::no_input, "there is no index '" + paths.index + "': run 'shutterseal index rebuild'");
  const ledger::Index index(paths.index, ledger::Access::read_only);
  const auto registry = registry_of(arguments);
  server::Thefts thefts(registry, [&index] { return &index; });
  index.find(query, [&](const ledger::Row& row) {
    print_row(row, server::weigh(thefts.of(row.camera), ledger::link_of(row), row.verdict), paths, json);
    stop_if_unheard();
  });
  return 0;
}

// ---- index rebuild ----------------------------------------------------------------------------------------------------------------

static void remove_database(const std::string& path) {
  for (const auto* suffix : {"", "-wal", "-shm"})
    if (::unlink((path + suffix).c_str()) != 0 && errno != ENOENT) throw_errno("cannot remove", path + suffix);
}

static server::Adoption build(const config::Arguments& arguments, const std::string& file) {
  const auto paths = paths_of(arguments);
  const auto custodians = server::skis_of(server::read_certificates(paths.custodians));
  envelope::Judge judge;
  const auto judge_one = [&](ByteView bytes, const CameraId& camera, const std::vector<server::Signer>& signers) {
    return judge.envelope(bytes, camera.text(), server::keys_of(signers), custodians);
  };
  ledger::Index index(file, ledger::Access::read_write);
  Progress progress("envelopes indexed");
  const auto registry = registry_of(arguments);
  server::Adoption all;
  for (const auto& [directory, place] : {std::pair(paths.evidence, ledger::Place::evidence), std::pair(paths.void_dir, ledger::Place::put_aside)}) {
    const auto store = evidence::open_directory_store(directory);
    const auto some = server::adopt_all({*store, place}, index, registry, judge_one, [&](const server::Adoption& so_far) { progress.show(all.seen + so_far.seen); });
    all.seen += some.seen;
    all.adopted += some.adopted;
    all.left_out.insert(all.left_out.end(), some.left_out.begin(), some.left_out.end());
  }
  server::acquit_all(index, registry);
  return all;
}

static int rebuild_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  make_dirs(paths.run_dir, 0750);
  const auto lock = FileLock::try_lock(paths.run_dir + "/ingestd.lock");
  if (!lock) throw Error(ErrorKind::temporary, "shutterseal-ingestd is running: stop it first");
  const auto fresh = paths.index + ".new";
  remove_database(fresh);
  const auto adoption = build(arguments, fresh);
  // SQLite moves its log into the file when it closes, and says nothing when it cannot: without the log the rename would lose rows.
  if (exists(fresh + "-wal")) throw Error(ErrorKind::io, "cannot finish '" + fresh + "': is the disk full?");
  struct stat old {};
  const bool had_one = ::stat(paths.index.c_str(), &old) == 0;
  if (had_one && ::chown(fresh.c_str(), old.st_uid, old.st_gid) != 0) throw_errno("cannot set the owner of", fresh);
  remove_database(paths.index);
  if (::rename(fresh.c_str(), paths.index.c_str()) != 0) throw_errno("cannot replace", paths.index);
  sync_dir(open_dir(paths.state_dir).get(), paths.state_dir);
  for (const auto& name : adoption.left_out) fmt::print(stderr, "{}: left out: {}\n", kProgram, escape_untrusted(name, kLongestSubject));
  say("{} envelopes indexed, {} left out\n", adoption.adopted, adoption.left_out.size());
  return adoption.left_out.empty() ? 0 : 1;
}

std::vector<Command> find_commands() {
  return {{"find", "[--camera ID] [--from TIME] [--to TIME]", "Lists what is in evidence.",
           {{"camera", "ID", "of this camera alone"},
            {"from", "TIME", "not before (UTC)"},
            {"to", "TIME", "before (UTC)"},
            {"by", "WORD", "sealed (the camera's clock, default) or received (the server's)"},
            {"kind", "WORD", "image or event"},
            {"registry", "DIR", "the cameras' registry (default: the server's)"},
            {"json", "", "one JSON object a line"}},
           find_command, 0, 0},
          {"index rebuild", "", "Makes the index again from the evidence.", {{"registry", "DIR", "the cameras' registry"}}, rebuild_command, 0, 0}};
}

}  // namespace shutterseal::custody
