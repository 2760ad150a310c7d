// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/answer.h"

namespace shutterseal::ingestd {

bool answer_request(envelope::Judge& judge, const Request& request, ByteView octets) { return send_answers(judge_request(judge, request, octets)); }

}  // namespace shutterseal::ingestd
