// SPDX-License-Identifier: Apache-2.0
// Preloaded: no name server answers. Each look-up of a name takes five minutes and fails; NOTE names the file that says that one was asked for.
#include <netdb.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

extern "C" int getaddrinfo(const char*, const char*, const struct addrinfo*, struct addrinfo**) noexcept(false) {
  if (const char* path = std::getenv("NOTE"))
    if (auto* file = std::fopen(path, "a")) std::fclose(file);
  ::sleep(300);
  return EAI_AGAIN;
}
