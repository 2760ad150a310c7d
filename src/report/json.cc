// SPDX-License-Identifier: Apache-2.0
#include "src/report/json.h"

namespace shutterseal::report {

std::string to_text(const Json& value, bool pretty) { return value.dump(pretty ? 2 : -1, ' ', true, Json::error_handler_t::replace); }

}  // namespace shutterseal::report
