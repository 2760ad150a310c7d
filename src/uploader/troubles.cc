// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/troubles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostTroubles = 200;
static constexpr std::size_t kMostLines = 16;        // of one look: what is more is counted
static constexpr std::size_t kMostNamed = 20;        // in a statement's text
static constexpr TimeMs kLasting = 10'000;           // one look behind the first

static std::string word_of(std::string reason) {
  std::replace(reason.begin(), reason.end(), ' ', '-');
  return reason;
}

static std::string key_of(Looking source, const std::string& reason, const std::string& subject) {
  return std::to_string(static_cast<int>(source)) + " " + reason + "\n" + subject;
}

Troubles::Troubles(std::string file) : file_(std::move(file)) { load(); }

bool Troubles::note(Looking source, const std::string& reason, const std::string& subject, Weight weight) {
  auto escaped = escape_untrusted(subject);
  const auto key = key_of(source, reason, escaped);
  const auto known = known_.find(key);
  if (known != known_.end()) {
    known->second.seen = true;
    return false;
  }
  if (known_.size() >= kMostTroubles) {
    ++more_[source];
    return false;
  }
  known_.emplace(key, Known{{reason, std::move(escaped), source, weight, 0, false}, true, true});
  return true;
}

static LogLine line_of(const char* event, const Trouble& trouble) {
  return LogLine(event).field("reason", word_of(trouble.reason)).sentence("subject", trouble.subject);
}

std::vector<LogLine> Troubles::settle(Looking source, TimeMs now) {
  std::vector<LogLine> lines;
  for (auto one = known_.begin(); one != known_.end();) {
    auto& [trouble, seen, fresh] = one->second;
    if (trouble.source != source) {
      ++one;
      continue;
    }
    if (fresh) trouble.since = now;
    if (fresh) lines.push_back(line_of("trouble", trouble));
    if (!seen) lines.push_back(line_of("trouble-over", trouble));
    const bool over = !std::exchange(seen, false);
    fresh = false;
    one = over ? known_.erase(one) : std::next(one);
  }
  const auto more = std::exchange(more_[source], 0);
  if (more != 0 && untold_ == 0) lines.push_back(LogLine("trouble").field("reason", "many").number("more", static_cast<std::int64_t>(more)));
  untold_ = more;
  if (lines.size() > kMostLines) {
    const auto left_out = lines.size() - kMostLines;
    lines.erase(lines.begin() + kMostLines, lines.end());
    lines.push_back(LogLine("trouble").field("reason", "many").number("more", static_cast<std::int64_t>(left_out)));
  }
  save();
  return lines;
}

// By the wall clock, which may have jumped either way: then it is stated sooner.
static bool has_lasted(const Trouble& trouble, TimeMs now) { return std::abs(now - trouble.since) >= kLasting; }

// "trouble capture-dir missing" of a place, "trouble 3 unreadable" of files.
static Statement statement_of(const std::string& reason, const std::vector<const Trouble*>& all) {
  const bool counted = all.front()->source == Looking::at_files || all.front()->source == Looking::at_claims;
  Statement statement{counted ? fmt::format("trouble {} {}", all.size(), reason) : "trouble " + reason, reason + ":"};
  for (std::size_t i = 0; i < std::min(all.size(), kMostNamed); ++i) statement.text += "\n'" + all[i]->subject + "' since " + rfc3339(all[i]->since);
  return statement;
}

std::vector<Statement> Troubles::due(TimeMs now) {
  std::map<std::string, std::vector<const Trouble*>> reasons;
  for (auto& [key, known] : known_) {
    if (known.trouble.weight != Weight::stated || known.trouble.stated || known.fresh || !has_lasted(known.trouble, now)) continue;
    known.trouble.stated = true;
    reasons[known.trouble.reason].push_back(&known.trouble);
  }
  if (reasons.empty()) return {};
  save();
  std::vector<Statement> statements;
  for (const auto& [reason, all] : reasons) statements.push_back(statement_of(reason, all));
  return statements;
}

std::vector<Trouble> Troubles::all() const {
  std::vector<Trouble> all;
  for (const auto& [key, known] : known_) all.push_back(known.trouble);
  return all;
}

// ---- the file ---------------------------------------------------------------------------------------------------------------------

static std::optional<Trouble> parse(std::string_view value) {
  const auto parts = split(value, '|');
  if (parts.size() != 6) return std::nullopt;
  const auto since = parse_decimal(parts[0], kLatestTime), stated = parse_decimal(parts[1], 1), source = parse_decimal(parts[2], 3), weight = parse_decimal(parts[3], 1);
  const auto subject = from_hex(parts[5], parts[5].size() / 2);
  if (!since || !stated || !source || !weight || !subject || parts[4].empty()) return std::nullopt;
  return Trouble{std::string(parts[4]), std::string(as_text(*subject)), static_cast<Looking>(*source), static_cast<Weight>(*weight), static_cast<TimeMs>(*since), *stated == 1};
}

// Of what no picture waits for it is no reason to stop: what cannot be read was never said.
void Troubles::load() {
  try {
    if (!exists(file_)) return;
    const auto content = read_file(file_, kLargestTextFile);
    for (const auto& entry : parse_key_values(as_text(content), file_)) {
      auto trouble = entry.key == "trouble" ? parse(entry.value) : std::nullopt;
      if (!trouble || known_.size() >= kMostTroubles) continue;
      const auto key = key_of(trouble->source, trouble->reason, trouble->subject);
      known_.emplace(key, Known{std::move(*trouble), false, false});
    }
  } catch (const Error&) {
    known_.clear();
  }
}

void Troubles::save() {
  auto text = format_key_value("format", "1");
  for (const auto& [key, known] : known_) {
    const auto& one = known.trouble;
    text += format_key_value("trouble", fmt::format("{}|{}|{}|{}|{}|{}", std::max<TimeMs>(0, one.since), one.stated ? 1 : 0, static_cast<int>(one.source),
                                                    static_cast<int>(one.weight), one.reason, to_hex(as_bytes(one.subject))));
  }
  if (text == saved_) return;
  try {
    replace_file(file_, as_bytes(text), 0600);
    saved_ = text;
  } catch (const Error&) {  // said again by the next start; sealing does not wait for it
  }
}

}  // namespace shutterseal::uploader
