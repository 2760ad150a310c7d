// SPDX-License-Identifier: Apache-2.0
// Words to the service manager, when there is one: sd_notify(3)'s protocol, a datagram to $NOTIFY_SOCKET. Without it nothing happens, and
// a manager that does not listen is no error of ours.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/fd.h"

namespace shutterseal {

class ServiceManager {
 public:
  ServiceManager();  // reads $NOTIFY_SOCKET
  void ready() const;     // the work has begun
  void alive();           // for the watchdog; at most one datagram a second
  void stopping() const;

 private:
  void say(const char* word) const;
  std::string address_;
  Fd socket_;
  std::int64_t next_ = 0;
};

}  // namespace shutterseal
