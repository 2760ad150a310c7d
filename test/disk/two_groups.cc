// SPDX-License-Identifier: Apache-2.0
// Two groups of files on a disk that fails while the first is committed and is well when the second is; the second holds files that were written
// before the trouble. usage: two_groups DIR; waits for a line on standard input between the two. 0: the second group failed, as it must.
#include <cstdio>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"

using namespace shutterseal;

static bool commit(const char* what, CommitGroup& group) {
  try {
    const auto linked = group.commit();
    std::printf("%s: %zu names\n", what, linked.size());
    return true;
  } catch (const Error& error) {
    std::printf("%s: %s\n", what, error.what());
    return false;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const auto dir = open_dir(argv[1]);
  const Bytes large(12U << 20, 0x5a), small(4096, 0x41);
  const auto file = [&](const Bytes& content) { return UnnamedFile(dir.get(), {content}, 0440, "drafts"); };
  auto early = file(small), also_early = file(small), lost = file(large), also_lost = file(large);
  CommitGroup first, second;
  first.add(dir.get(), "1", std::move(early), "1");
  first.add(dir.get(), "2", std::move(also_early), "2");
  const bool told = !commit("first", first);
  std::fflush(stdout);
  if (std::getchar() == EOF || !told) return 2;
  second.add(dir.get(), "3", file(small), "3");  // newer than the trouble, and in front
  second.add(dir.get(), "4", std::move(lost), "4");
  second.add(dir.get(), "5", std::move(also_lost), "5");
  return commit("second", second) ? 1 : 0;
}
