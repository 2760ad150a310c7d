// SPDX-License-Identifier: Apache-2.0
// How a verifier comes to its answers.
#pragma once

#include <vector>

#include "src/ingestd/wire.h"

namespace shutterseal::ingestd {

// The one step that reads hostile octets, alone in answer.cc: a trial puts a subverted one in its place (test/subverted/answer.cc), and all around
// it - the sandbox, the wire, the daemon - is what ships. False: the daemon is gone.
[[nodiscard]] bool answer_request(envelope::Judge& judge, const Request& request, ByteView octets);

// What it is made of (worker.cc).
[[nodiscard]] std::vector<envelope::Judged> judge_request(envelope::Judge& judge, const Request& request, ByteView octets);
[[nodiscard]] bool send_answers(const std::vector<envelope::Judged>& judged);

}  // namespace shutterseal::ingestd
