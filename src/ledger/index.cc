// SPDX-License-Identifier: Apache-2.0
#include "src/ledger/index.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <array>
#include <utility>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::ledger {

static constexpr int kBusyMs = 5000;

// Rows cluster by camera and time, which is what people ask for (cold reads: a WITHOUT ROWID table touches a few pages, a rowid
// table one page a row). runs: maximal unbroken stretches; `head` is the `previous` that the first of a run names.
static constexpr const char* kFormat1 = R"(
CREATE TABLE envelope (
  camera TEXT NOT NULL, sealed_at INTEGER NOT NULL, chain BLOB NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL,
  previous BLOB NOT NULL, received_at INTEGER NOT NULL, kind INTEGER NOT NULL, verdict INTEGER NOT NULL, size INTEGER NOT NULL,
  note TEXT NOT NULL, location TEXT NOT NULL,
  PRIMARY KEY (camera, sealed_at, chain, sequence, digest)) WITHOUT ROWID;
CREATE UNIQUE INDEX envelope_place ON envelope (chain, sequence, digest);
CREATE INDEX envelope_digest ON envelope (digest);
CREATE INDEX envelope_received ON envelope (received_at);
CREATE TABLE run (
  id INTEGER PRIMARY KEY, camera TEXT NOT NULL, chain BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  head BLOB NOT NULL, tip BLOB NOT NULL, grown INTEGER NOT NULL);
CREATE INDEX run_end ON run (chain, last);
CREATE INDEX run_start ON run (chain, first);
CREATE INDEX run_camera ON run (camera, grown);
CREATE TABLE refusal (
  id INTEGER PRIMARY KEY, camera TEXT NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, verdict INTEGER NOT NULL, time INTEGER NOT NULL,
  UNIQUE (camera, digest, name));
CREATE TABLE counter (camera TEXT PRIMARY KEY, receipts INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
)";
// Small ones: both hold few of the rows. What names a given digest lies at the next place of its chain, or is the first of a chain.
static constexpr const char* kFormat2 = R"(
ALTER TABLE envelope ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
CREATE INDEX envelope_first ON envelope (previous) WHERE sequence = 1;
CREATE INDEX envelope_put_aside ON envelope (camera) WHERE place = 1;
PRAGMA user_version = 2;
)";
// Which folders of a store were held against the rows, and how they were then; whose evidence lay on a file system of its own.
static constexpr const char* kFormat3 = R"(
CREATE TABLE folder (
  place INTEGER NOT NULL, location TEXT NOT NULL, stamp INTEGER NOT NULL, PRIMARY KEY (place, location)) WITHOUT ROWID;
CREATE TABLE apart (camera TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 3;
)";
static constexpr std::array<const char*, 3> kFormats{kFormat1, kFormat2, kFormat3};  // each from the one before; the first from nothing
static constexpr int kFormat = static_cast<int>(kFormats.size());

struct Index::Impl {
  sqlite3* db = nullptr;
  std::string path;
  bool is_marked = false, is_whole = true;
  mutable std::vector<std::pair<const char*, sqlite3_stmt*>> prepared;  // by address of the SQL literal
  ~Impl() {
    for (const auto& [sql, statement] : prepared) sqlite3_finalize(statement);
    sqlite3_close(db);
  }
  [[noreturn]] void fail(int code) const {
    const auto primary = code & 0xff;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
      throw Error(ErrorKind::data, "the index '" + path + "' is corrupt: move it away and run 'shutterseal index rebuild'");
    const auto kind = primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? ErrorKind::temporary
                      : primary == SQLITE_CANTOPEN                        ? ErrorKind::no_input
                      : primary == SQLITE_READONLY || primary == SQLITE_PERM ? ErrorKind::permission
                                                                            : ErrorKind::io;
    throw Error(kind, "the index '" + path + "': " + sqlite3_errstr(code));
  }
  void check(int code) const {
    if (code != SQLITE_OK) fail(code);
  }
  void run(const char* sql) const { check(sqlite3_exec(db, sql, nullptr, nullptr, nullptr)); }
};

// One prepared statement in use: bound by position, stepped, reset at the end of its scope.
class Statement {
 public:
  Statement(const Index::Impl& impl, const char* sql);
  ~Statement() { sqlite3_reset(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& text(std::string_view value) {
    return check(sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
  }
  Statement& number(std::int64_t value) { return check(sqlite3_bind_int64(statement_, ++bound_, value)); }
  Statement& number(std::uint64_t value) { return number(static_cast<std::int64_t>(value)); }
  template <std::size_t N, class Tag>
  Statement& octets(const Octets<N, Tag>& value) {
    return check(sqlite3_bind_blob(statement_, ++bound_, value.octets.data(), static_cast<int>(N), SQLITE_TRANSIENT));
  }
  bool step() {
    const auto code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) impl_.fail(code);
    return false;
  }
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint64_t natural(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::string string(int column) const {
    const auto* octets = sqlite3_column_text(statement_, column);
    return octets ? std::string(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : "";
  }
  template <class T>
  [[nodiscard]] T blob(int column) const {
    const auto* octets = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const auto value = T::from_view({octets, octets ? static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)) : 0});
    if (!value) impl_.fail(SQLITE_CORRUPT);
    return *value;
  }

 private:
  Statement& check(int code) {
    impl_.check(code);
    return *this;
  }
  const Index::Impl& impl_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

Statement::Statement(const Index::Impl& impl, const char* sql) : impl_(impl) {
  for (const auto& [known, statement] : impl.prepared)
    if (known == sql) statement_ = statement;
  if (statement_) return;
  impl.check(sqlite3_prepare_v3(impl.db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
  impl.prepared.emplace_back(sql, statement_);
}

// ---- formats ------------------------------------------------------------------------------------------------------------------

static int user_version(const Index::Impl& impl) {
  Statement query(impl, "PRAGMA user_version");
  return query.step() ? static_cast<int>(query.integer(0)) : 0;
}

static void migrate(const Index::Impl& impl) {
  impl.run("BEGIN IMMEDIATE");
  const auto version = user_version(impl);  // another process may have done it meanwhile
  for (auto next = static_cast<std::size_t>(version); next < kFormats.size(); ++next) impl.run(kFormats[next]);
  impl.run("COMMIT");
}

// ---- the mark -----------------------------------------------------------------------------------------------------------------
//
// While somebody writes, the newest rows lie in the log (-wal) beside the file, and a copy of the file alone would lack them without a sign. So the file
// itself says that it is in use, from before the first row until all are in it again; and as long as it does, its log is there and holds something, after
// any crash, too. The mark is the application_id: "SH", and the low half of the schema's number. What SQLite itself writes out whole while others
// write (.backup, VACUUM INTO) takes the mark along and has another number, so it is no such copy.
static constexpr std::uint32_t kMark = 0x53480000, kSchemaHalf = 0xffff;
static constexpr off_t kLogHeader = 32;

static std::uint32_t big_endian(const std::uint8_t* octets) {
  return std::uint32_t{octets[0]} << 24 | std::uint32_t{octets[1]} << 16 | std::uint32_t{octets[2]} << 8 | octets[3];
}

// Of the file alone, whatever its log says (sqlite.org/fileformat.html, section 1.3). By SQLite's own descriptor: closing another one would take its
// locks away.
static bool is_marked_in_file(const Index::Impl& impl) {
  static constexpr std::size_t kSchemaAt = 40, kApplicationAt = 68;
  sqlite3_file* file = nullptr;
  impl.check(sqlite3_file_control(impl.db, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file)));
  std::array<std::uint8_t, 100> header{};
  const auto code = file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0);
  if (code == SQLITE_IOERR_SHORT_READ) return false;  // made just now
  impl.check(code);
  return big_endian(&header[kApplicationAt]) == (kMark | (big_endian(&header[kSchemaAt]) & kSchemaHalf));
}

static std::string log_of(const Index::Impl& impl) { return sqlite3_filename_wal(sqlite3_db_filename(impl.db, "main")); }

// An empty one is what a reader leaves beside a copy.
static bool has_log(const Index::Impl& impl) {
  struct stat info {};
  return ::stat(log_of(impl).c_str(), &info) == 0 && info.st_size > kLogHeader;
}

// Asked twice: who closes takes the mark away before the log, so between two questions it may have happened.
static bool lacks_its_log(const Index::Impl& impl) {
  return is_marked_in_file(impl) && !has_log(impl) && is_marked_in_file(impl) && !has_log(impl);
}

// Whether SQLite removes the log when it closes.
static void keep_log(const Index::Impl& impl, bool keep) {
  int value = keep ? 1 : 0;
  impl.check(sqlite3_file_control(impl.db, "main", SQLITE_FCNTL_PERSIST_WAL, &value));
}

static void write_mark(const Index::Impl& impl, std::uint32_t mark) {
  impl.run(("PRAGMA application_id = " + std::to_string(mark)).c_str());
}

// From the log to the file, waiting for nobody. True: all of it.
static bool move_log(const Index::Impl& impl) {
  int in_log = 0, moved = 0;
  const auto code = sqlite3_wal_checkpoint_v2(impl.db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  return code == SQLITE_OK && in_log == moved;
}

static std::uint32_t schema_half(const Index::Impl& impl) {
  Statement query(impl, "PRAGMA schema_version");
  return query.step() ? static_cast<std::uint32_t>(query.integer(0)) & kSchemaHalf : 0;
}

// Written also where it stands already: the log must hold something. A reader that began before us keeps the mark in the log for as long as it reads: it
// is tried again with the next transaction, and rows do not wait for it; nor for a full disk, which they will meet themselves.
static void mark(Index::Impl& impl) {
  if (impl.is_marked) return;
  impl.run("BEGIN IMMEDIATE");
  try {
    keep_log(impl, true);
    write_mark(impl, kMark | schema_half(impl));
    impl.run("COMMIT");
    static_cast<void>(move_log(impl));
    impl.is_marked = is_marked_in_file(impl);
  } catch (const Error&) {
    static_cast<void>(sqlite3_exec(impl.db, "ROLLBACK", nullptr, nullptr, nullptr));
  }
}

// All rows first, so that the file without a mark is whole whenever the power goes. Where a reader or a full disk is in the way, mark and log stay.
static void unmark(const Index::Impl& impl) {
  if (sqlite3_get_autocommit(impl.db) == 0) impl.run("ROLLBACK");
  if (!move_log(impl)) return;
  write_mark(impl, 0);
  if (move_log(impl) && !is_marked_in_file(impl)) keep_log(impl, false);
}

// ---- opening and closing --------------------------------------------------------------------------------------------------------

static void open_database(Index::Impl& impl, const std::string& name, int flags) {
  sqlite3_close(std::exchange(impl.db, nullptr));
  impl.check(sqlite3_open_v2(name.c_str(), &impl.db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr));
  impl.check(sqlite3_busy_timeout(impl.db, kBusyMs));
}

static bool is_on_read_only_medium(const std::string& path) {
  struct statvfs info {};
  return ::statvfs(path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

static std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) uri += c == '%' || c == '?' || c == '#' ? "%" + to_hex({reinterpret_cast<const std::uint8_t*>(&c), 1}) : std::string(1, c);
  return uri + "?immutable=1";
}

static void open_to_read(Index::Impl& impl) {
  open_database(impl, impl.path, SQLITE_OPEN_READONLY);
  if (lacks_its_log(impl))
    throw Error(ErrorKind::data, "the index '" + impl.path + "' was in use when it was copied, and '" + log_of(impl) +
                                     "', which holds its newest rows, is not beside it: copy both, or run 'shutterseal index rebuild'");
  if (!is_on_read_only_medium(impl.path)) return;
  // There SQLite cannot make what readers share; nor can anybody write.
  if (has_log(impl)) throw Error(ErrorKind::io, "the index '" + impl.path + "' has a log beside it, on a read-only medium: copy both to where they can be written");
  open_database(impl, immutable_uri(impl.path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

static void open_to_write(Index::Impl& impl) {
  open_database(impl, impl.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  impl.is_whole = !lacks_its_log(impl);
  keep_log(impl, is_marked_in_file(impl));
  impl.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  if (user_version(impl) < kFormat) migrate(impl);
}

Index::Index(const std::string& path, Access access) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  if (access == Access::read_write) {
    open_to_write(*impl_);
  } else {
    open_to_read(*impl_);
  }
  const auto version = user_version(*impl_);
  if (version > kFormat)
    throw Error(ErrorKind::config, "the index '" + path + "' has format " + std::to_string(version) + ", newer than this program");
  if (version < kFormat)
    throw Error(ErrorKind::temporary, "the index '" + path + "' has the older format " + std::to_string(version) + ": shutterseal-ingestd brings it up to date when it starts");
}

Index::~Index() {
  if (!impl_->is_marked) return;
  try {
    unmark(*impl_);
  } catch (const Error&) {
    // Then it says that it is in use, and its log stays beside it: nothing is lost.
  }
}

bool Index::is_whole() const { return impl_->is_whole; }
void Index::completed() { impl_->is_whole = true; }

void Index::begin() {
  mark(*impl_);
  impl_->run("BEGIN IMMEDIATE");
}
void Index::commit() { impl_->run("COMMIT"); }
void Index::rollback() noexcept { static_cast<void>(sqlite3_exec(impl_->db, "ROLLBACK", nullptr, nullptr, nullptr)); }

// ---- rows ------------------------------------------------------------------------------------------------------------------------

#define SHUTTERSEAL_ROW \
  "SELECT camera, sealed_at, chain, sequence, digest, previous, received_at, kind, verdict, size, note, location, place FROM envelope "

static Row read_row(const Index::Impl& impl, const Statement& query) {
  const auto camera = CameraId::parse(query.string(0));
  if (!camera) impl.fail(SQLITE_CORRUPT);
  return Row{.camera = *camera,
             .sealed_at = query.integer(1),
             .chain = query.blob<ChainId>(2),
             .sequence = query.natural(3),
             .digest = query.blob<Digest>(4),
             .previous = query.blob<Digest>(5),
             .received_at = query.integer(6),
             .kind = static_cast<envelope::Kind>(query.integer(7)),
             .verdict = static_cast<Verdict>(query.integer(8)),
             .size = query.natural(9),
             .note = query.string(10),
             .location = query.string(11),
             .place = static_cast<Place>(query.integer(12))};
}

// ---- questions of the pipeline ----------------------------------------------------------------------------------------------------

bool Index::contains(const ChainId& chain, std::uint64_t sequence, const Digest& digest) const {
  Statement query(*impl_, "SELECT 1 FROM envelope WHERE chain = ? AND sequence = ? AND digest = ?");
  return query.octets(chain).number(sequence).octets(digest).step();
}

std::optional<Row> Index::find_at(const ChainId& chain, std::uint64_t sequence, const Digest& digest) const {
  Statement query(*impl_, SHUTTERSEAL_ROW "WHERE chain = ? AND sequence = ? AND digest = ?");
  if (!query.octets(chain).number(sequence).octets(digest).step()) return std::nullopt;
  return read_row(*impl_, query);
}

bool Index::has_location(TimeMs received_at, const std::string& location) const {
  Statement query(*impl_, "SELECT 1 FROM envelope WHERE received_at = ? AND location = ?");
  return query.number(received_at).text(location).step();
}

// What is put aside contradicts nobody: a thief's row would make the honest one a fork, and only until the index is made again in another order.
// "+camera": by the key (chain, sequence). Left to itself, the planner takes the camera's part of the primary key for some of these, and reads every
// row of the camera for each new one.
bool Index::is_fork(const CameraId& camera, const ChainId& chain, std::uint64_t sequence, const Digest& digest, const Digest& previous) const {
  Statement place(*impl_, "SELECT 1 FROM envelope WHERE chain = ? AND sequence = ? AND digest <> ? AND +camera = ? AND place <> 1");
  if (place.octets(chain).number(sequence).octets(digest).text(camera.text()).step()) return true;
  // Contradicted only when neighbours are stored and none of them fits: of two branches each fits one.
  Statement before(*impl_, "SELECT count(*), count(CASE WHEN digest = ? THEN 1 END) FROM envelope WHERE chain = ? AND sequence = ? AND +camera = ? AND place <> 1");
  static_cast<void>(before.octets(previous).octets(chain).number(sequence - 1).text(camera.text()).step());
  if (before.integer(0) > 0 && before.integer(1) == 0) return true;
  Statement after(*impl_, "SELECT count(*), count(CASE WHEN previous = ? THEN 1 END) FROM envelope WHERE chain = ? AND sequence = ? AND +camera = ? AND place <> 1");
  static_cast<void>(after.octets(digest).octets(chain).number(sequence + 1).text(camera.text()).step());
  return after.integer(0) > 0 && after.integer(1) == 0;
}

struct StoredRun {
  std::int64_t id = 0;
  std::uint64_t first = 0, last = 0;
  Digest head, tip;
};

static std::optional<StoredRun> find_run(Statement& query) {
  if (!query.step()) return std::nullopt;
  return StoredRun{query.integer(0), query.natural(1), query.natural(2), query.blob<Digest>(3), query.blob<Digest>(4)};
}

static void drop_run(const Index::Impl& impl, std::int64_t id) {
  Statement remove(impl, "DELETE FROM run WHERE id = ?");
  static_cast<void>(remove.number(id).step());
}

static void add_run(const Index::Impl& impl, const CameraId& camera, const ChainId& chain, const StoredRun& run) {
  Statement add(impl,
                "INSERT INTO run (camera, chain, first, last, head, tip, grown) "
                "VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(id), 0) + 1 FROM run))");
  static_cast<void>(add.text(camera.text()).octets(chain).number(run.first).number(run.last).octets(run.head).octets(run.tip).step());
}

// Joins the row with the run that ends just before it and the one that begins just behind it, where `previous` agrees. A run is one camera's:
// whoever went on with another camera's chain would otherwise take its receipts away.
static void join_runs(const Index::Impl& impl, const Row& row) {
  StoredRun joined{0, row.sequence, row.sequence, row.previous, row.digest};
  Statement before(impl, "SELECT id, first, last, head, tip FROM run WHERE chain = ? AND last = ? AND tip = ? AND +camera = ? LIMIT 1");
  if (const auto run = find_run(before.octets(row.chain).number(row.sequence - 1).octets(row.previous).text(row.camera.text()))) {
    joined.first = run->first;
    joined.head = run->head;
    drop_run(impl, run->id);
  }
  Statement after(impl, "SELECT id, first, last, head, tip FROM run WHERE chain = ? AND first = ? AND head = ? AND +camera = ? LIMIT 1");
  if (const auto run = find_run(after.octets(row.chain).number(row.sequence + 1).octets(row.digest).text(row.camera.text()))) {
    joined.last = run->last;
    joined.tip = run->tip;
    drop_run(impl, run->id);
  }
  add_run(impl, row.camera, row.chain, joined);
}

bool Index::insert(const Row& row) {
  Statement add(*impl_,
                "INSERT INTO envelope (camera, sealed_at, chain, sequence, digest, previous, received_at, kind, verdict, size, note, location, place) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  add.text(row.camera.text()).number(row.sealed_at).octets(row.chain).number(row.sequence).octets(row.digest).octets(row.previous);
  add.number(row.received_at).number(static_cast<std::int64_t>(row.kind)).number(static_cast<std::int64_t>(row.verdict));
  static_cast<void>(add.number(row.size).text(row.note).text(row.location).number(static_cast<std::int64_t>(row.place)).step());
  if (sqlite3_changes(impl_->db) == 0) return false;
  if (row.place != Place::put_aside) join_runs(*impl_, row);
  return true;
}

#define SHUTTERSEAL_LINK "SELECT chain, sequence, digest, previous, received_at FROM envelope "

static void read_links(Statement& query, std::vector<Link>& links) {
  while (query.step()) links.push_back({query.blob<ChainId>(0), query.natural(1), query.blob<Digest>(2), query.blob<Digest>(3), query.integer(4)});
}

std::vector<Link> Index::followers(const CameraId& camera, const Link& link) const {
  std::vector<Link> links;
  Statement next(*impl_, SHUTTERSEAL_LINK "WHERE chain = ? AND sequence = ? AND previous = ? AND +camera = ?");
  read_links(next.octets(link.chain).number(link.sequence + 1).octets(link.digest).text(camera.text()), links);
  Statement first(*impl_, SHUTTERSEAL_LINK "WHERE previous = ? AND sequence = 1 AND +camera = ?");
  read_links(first.octets(link.digest).text(camera.text()), links);
  return links;
}

std::vector<envelope::Run> Index::runs(const CameraId& camera, std::size_t limit) const {
  Statement query(*impl_, "SELECT chain, first, last, tip FROM run WHERE camera = ? ORDER BY grown DESC LIMIT ?");
  query.text(camera.text()).number(static_cast<std::uint64_t>(limit));
  std::vector<envelope::Run> runs;
  while (query.step()) runs.push_back({query.blob<ChainId>(0), query.natural(1), query.natural(2), query.blob<Digest>(3)});
  return runs;
}

void Index::add_refusal(const CameraId& camera, const envelope::Refusal& refusal, TimeMs when) {
  Statement add(*impl_, "INSERT OR REPLACE INTO refusal (camera, name, digest, verdict, time) VALUES (?, ?, ?, ?, ?)");
  add.text(camera.text()).text(refusal.name).octets(refusal.digest).number(static_cast<std::int64_t>(refusal.verdict));
  static_cast<void>(add.number(when).step());
  Statement prune(*impl_,
                  "DELETE FROM refusal WHERE camera = ?1 AND id NOT IN (SELECT id FROM refusal WHERE camera = ?1 ORDER BY id DESC LIMIT ?2)");
  static_cast<void>(prune.text(camera.text()).number(static_cast<std::uint64_t>(envelope::kMostRefusals)).step());
}

std::vector<envelope::Refusal> Index::refusals(const CameraId& camera) const {
  Statement query(*impl_, "SELECT name, digest, verdict FROM refusal WHERE camera = ? ORDER BY id");
  query.text(camera.text());
  std::vector<envelope::Refusal> refusals;
  while (query.step()) refusals.push_back({query.string(0), query.blob<Digest>(1), static_cast<Verdict>(query.integer(2))});
  return refusals;
}

std::uint64_t Index::next_receipt_number(const CameraId& camera) {
  Statement grow(*impl_, "INSERT INTO counter (camera, receipts) VALUES (?1, 1) ON CONFLICT (camera) DO UPDATE SET receipts = receipts + 1 RETURNING receipts");
  static_cast<void>(grow.text(camera.text()).step());
  return grow.natural(0);
}

std::uint64_t Index::receipt_number(const CameraId& camera) const {
  Statement query(*impl_, "SELECT receipts FROM counter WHERE camera = ?");
  return query.text(camera.text()).step() ? query.natural(0) : 0;
}

void Index::raise_receipt_number(const CameraId& camera, std::uint64_t least) {
  Statement raise(*impl_, "INSERT INTO counter (camera, receipts) VALUES (?1, ?2) ON CONFLICT (camera) DO UPDATE SET receipts = max(receipts, ?2)");
  static_cast<void>(raise.text(camera.text()).number(least).step());
}

// ---- questions of people ------------------------------------------------------------------------------------------------------

std::optional<Row> Index::find_digest(const Digest& digest) const {
  Statement query(*impl_, SHUTTERSEAL_ROW "WHERE digest = ? LIMIT 1");
  if (!query.octets(digest).step()) return std::nullopt;
  return read_row(*impl_, query);
}

std::vector<Row> Index::put_aside(const CameraId& camera) const {
  Statement query(*impl_, SHUTTERSEAL_ROW "INDEXED BY envelope_put_aside WHERE camera = ? AND place = 1");
  query.text(camera.text());
  std::vector<Row> rows;
  while (query.step()) rows.push_back(read_row(*impl_, query));
  return rows;
}

void Index::acquit(const Row& row) {
  Statement change(*impl_, "UPDATE envelope SET place = 2 WHERE chain = ? AND sequence = ? AND digest = ? AND place = 1");
  static_cast<void>(change.octets(row.chain).number(row.sequence).octets(row.digest).step());
  if (sqlite3_changes(impl_->db) == 1) join_runs(*impl_, row);
}

void Index::backdate(const Row& row) {
  acquit(row);
  Statement change(*impl_, "UPDATE envelope SET place = 0, received_at = ?, location = ? WHERE chain = ? AND sequence = ? AND digest = ?");
  static_cast<void>(change.number(row.received_at).text(row.location).octets(row.chain).number(row.sequence).octets(row.digest).step());
}

void Index::relocate(const Row& row, const std::string& location) {
  Statement change(*impl_, "UPDATE envelope SET location = ? WHERE chain = ? AND sequence = ? AND digest = ?");
  static_cast<void>(change.text(location).octets(row.chain).number(row.sequence).octets(row.digest).step());
}

// A run that led over it ends before it, and begins again behind it.
static void split_run(const Index::Impl& impl, const Row& row) {
  Statement around(impl, "SELECT id, first, last, head, tip FROM run WHERE chain = ? AND first <= ? AND last >= ? AND +camera = ?");
  around.octets(row.chain).number(row.sequence).number(row.sequence).text(row.camera.text());
  const auto run = find_run(around);
  if (!run) return;
  drop_run(impl, run->id);
  if (run->first < row.sequence) add_run(impl, row.camera, row.chain, {0, run->first, row.sequence - 1, run->head, row.previous});
  if (run->last > row.sequence) add_run(impl, row.camera, row.chain, {0, row.sequence + 1, run->last, row.digest, run->tip});
}

void Index::forget(const Row& row) {
  Statement remove(*impl_, "DELETE FROM envelope WHERE chain = ? AND sequence = ? AND digest = ?");
  static_cast<void>(remove.octets(row.chain).number(row.sequence).octets(row.digest).step());
  if (row.place != Place::put_aside) split_run(*impl_, row);
}

std::vector<CameraId> Index::cameras() const {
  Statement query(*impl_, "SELECT DISTINCT camera FROM run");
  std::vector<CameraId> all;
  while (query.step())
    if (const auto camera = CameraId::parse(query.string(0))) all.push_back(*camera);
  return all;
}

// ---- what was held against the stores -------------------------------------------------------------------------------------------

bool Index::knows_folder(Store store, const std::string& location, std::int64_t stamp) const {
  Statement query(*impl_, "SELECT 1 FROM folder WHERE place = ? AND location = ? AND stamp = ?");
  return query.number(static_cast<std::int64_t>(store)).text(location).number(stamp).step();
}

void Index::note_folder(Store store, const std::string& location, std::int64_t stamp) {
  Statement note(*impl_, "INSERT OR REPLACE INTO folder (place, location, stamp) VALUES (?, ?, ?)");
  static_cast<void>(note.number(static_cast<std::int64_t>(store)).text(location).number(stamp).step());
}

void Index::forget_folders() { impl_->run("DELETE FROM folder"); }

bool Index::was_apart(const CameraId& camera) const {
  Statement query(*impl_, "SELECT 1 FROM apart WHERE camera = ?");
  return query.text(camera.text()).step();
}

void Index::note_apart(const CameraId& camera, bool is_apart) {
  Statement note(*impl_, is_apart ? "INSERT OR REPLACE INTO apart (camera) VALUES (?)" : "DELETE FROM apart WHERE camera = ?");
  static_cast<void>(note.text(camera.text()).step());
}

static constexpr TimeMs kEver = static_cast<TimeMs>(kLargestInteger);

// Spelled out per shape, so that each uses its key: an OR over "camera or all" would scan everything.
static const char* sql_for(const Query& query) {
  if (query.by_received)
    return query.camera ? SHUTTERSEAL_ROW "WHERE camera = ?4 AND received_at >= ?1 AND received_at < ?2 AND (?3 < 0 OR kind = ?3) ORDER BY received_at, sequence"
                        : SHUTTERSEAL_ROW "WHERE received_at >= ?1 AND received_at < ?2 AND (?3 < 0 OR kind = ?3) ORDER BY camera, received_at, sequence";
  return query.camera ? SHUTTERSEAL_ROW "WHERE camera = ?4 AND sealed_at >= ?1 AND sealed_at < ?2 AND (?3 < 0 OR kind = ?3) ORDER BY sealed_at, chain, sequence"
                      : SHUTTERSEAL_ROW "WHERE sealed_at >= ?1 AND sealed_at < ?2 AND (?3 < 0 OR kind = ?3) ORDER BY camera, sealed_at, chain, sequence";
}

void Index::find(const Query& query, const std::function<void(const Row&)>& visit) const {
  Statement rows(*impl_, sql_for(query));
  rows.number(query.from.value_or(0)).number(query.to.value_or(kEver)).number(query.kind ? static_cast<std::int64_t>(*query.kind) : -1);
  if (query.camera) rows.text(query.camera->text());
  while (rows.step()) visit(read_row(*impl_, rows));
}

void Index::events_since(TimeMs received_from, const std::function<void(const Row&)>& visit) const {
  Statement rows(*impl_, SHUTTERSEAL_ROW "WHERE received_at >= ?1 AND kind = 1 ORDER BY received_at");
  rows.number(received_from);
  while (rows.step()) visit(read_row(*impl_, rows));
}

std::uint64_t Index::count() const {
  Statement query(*impl_, "SELECT count(*) FROM envelope");
  static_cast<void>(query.step());
  return query.natural(0);
}

}  // namespace shutterseal::ledger
