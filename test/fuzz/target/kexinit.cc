// SPDX-License-Identifier: Apache-2.0
// What a server offers before any key (SSH_MSG_KEXINIT), as the doctor reads it: refused, or names that can be printed.
#include <algorithm>

#include "src/doctor/kexinit.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto offer = doctor::parse_kexinit({data, size});
  if (!offer) return 0;
  for (const auto* list : {&offer->kex, &offer->host_keys, &offer->ciphers, &offer->macs, &offer->compressions})
    HOLDS(std::ranges::all_of(*list, [](const std::string& name) { return !name.empty() && is_printable_line(name); }));
  const auto weak = doctor::weak_kex(offer->kex);
  HOLDS(std::ranges::all_of(weak, [&](const std::string& name) { return std::ranges::count(offer->kex, name) > 0; }));
  return 0;
}
