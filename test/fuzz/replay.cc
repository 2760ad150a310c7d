// SPDX-License-Identifier: Apache-2.0
// A target's main without libFuzzer: runs it on every file given, and on those below the folders given, and says how many. A broken promise
// or a sanitizer ends it.
// usage: fuzz-TARGET [--mutations N] PATH...   N changed forms of each input as well, by fixed seeds: the same ones in every run.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>

#include "src/base/file.h"
#include "src/base/text.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
namespace fs = std::filesystem;

static constexpr std::size_t kLargestInput = 1024 * 1024;

extern "C" {
// A target of plain octets brings none.
__attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
}

static std::minstd_rand random_numbers;

static std::size_t below(std::size_t end) { return random_numbers() / 7 % end; }

// One octet is changed, put in, or taken out.
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) {
  const auto at = below(size + 1);
  if (at == size || below(3) == 0) {
    if (size == most) return size;
    std::copy_backward(data + at, data + size, data + size + 1);
    data[at] = static_cast<std::uint8_t>(below(256));
    return size + 1;
  }
  if (below(2) == 0) {
    data[at] = static_cast<std::uint8_t>(below(256));
    return size;
  }
  std::copy(data + at + 1, data + size, data + at);
  return size - 1;
}

static std::vector<fs::path> inputs_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.')) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

static void run_mutations(const Bytes& input, unsigned count) {
  const auto most = input.size() + 512;
  for (unsigned seed = 1; seed <= count; ++seed) {
    random_numbers.seed(seed);
    auto changed = input;
    changed.resize(most);
    const auto size = LLVMFuzzerCustomMutator ? LLVMFuzzerCustomMutator(changed.data(), input.size(), most, seed)
                                              : LLVMFuzzerMutate(changed.data(), input.size(), most);
    // Exactly as long as the input: a read beyond its end is then one beyond the heap block.
    changed.resize(size);
    changed.shrink_to_fit();
    LLVMFuzzerTestOneInput(changed.data(), changed.size());
  }
}

static void run_file(const fs::path& path, unsigned mutations) {
  std::fprintf(stderr, "%s\n", path.c_str());  // the last one named is the one that ended it
  const auto input = read_file(path, kLargestInput);
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  run_mutations(exact, mutations);
}

int main(int argc, char** argv) {
  unsigned mutations = 0;
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--mutations") == 0 && i + 1 < argc) {
      mutations = static_cast<unsigned>(parse_decimal(argv[++i], 1'000'000).value_or(0));
      continue;
    }
    for (const auto& file : inputs_of(argv[i])) {
      run_file(file, mutations);
      ++count;
    }
  }
  std::printf("%zu inputs, %zu runs\n", count, count * (1 + mutations));
  return count == 0 ? 1 : 0;
}
