// SPDX-License-Identifier: Apache-2.0
// Takes possession of drops that must wait. In incoming/ a drop stays its sender's: whoever has the camera's key can rename it, truncate it, write over it.
// What waits there (its camera is suspended, a disk is nearly full, something of its own cannot be written, or simply for longer than a look) goes to
// held/ beside it, where the camera can do nothing, under a name that says since when the server has had it.
//
// The order: its octets are read and digested; then the kernel is asked when it was last changed, which no call of a camera can set back; then one
// rename(2) carries time, digest and name into held/. Renaming sets the change time anew, so the old one is in the name, or all is as before: a crash sees
// the one or the other. The time counts with octets of that digest alone (Pipeline): who had the file open before it was moved, or has a second name of
// it, can still spoil it, and prove nothing by it. The file keeps its owner, whose quota it goes on using.
//
// A thread of its own, because it must go on when nothing can be committed; it rests behind each file for as long as that took.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "src/base/log.h"
#include "src/ingestd/pipeline.h"

namespace shutterseal::ingestd {

class Holder {
 public:
  Holder(const Context& context, const registry::Registry& registry, Pipeline& pipeline, const Log& log);
  ~Holder();
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  void ask(const CameraId& camera);  // its drops wait: now, and not in a look's time
  void wait_until_done();            // with what was asked

 private:
  struct Work {
    std::int64_t least_age = 0;  // ms that a drop has been there
    long position = 0;           // in its directory
  };
  void run();
  void look_at_all();
  [[nodiscard]] bool hold_some(const CameraId& camera, Work& work);
  [[nodiscard]] bool is_empty_still(const CameraId& camera, int dir);
  void hold_one(const CameraId& camera, int dir, const std::string& name, std::int64_t least_age);
  [[nodiscard]] bool move(const CameraId& camera, int dir, const std::string& name, const std::string& to);
  [[nodiscard]] Fd folder(const CameraId& camera) const;
  void say_once(const CameraId& camera, const std::string& reason);
  void rest(std::int64_t milliseconds);
  [[nodiscard]] bool must_stop();
  const Context& context_;
  const registry::Registry& registry_;
  Pipeline& pipeline_;
  const Log& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<CameraId, Work> asked_;
  bool is_busy_ = false, ending_ = false;
  std::map<CameraId, TimeMs> empty_;  // its directory held nothing, and has not been changed since then
  std::set<std::string> said_;
  std::thread thread_;
};

}  // namespace shutterseal::ingestd
