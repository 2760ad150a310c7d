// SPDX-License-Identifier: Apache-2.0
// Setting options of libcurl so that none is silently refused. Inside src/transport alone.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <new>
#include <string>

#include "src/base/error.h"

namespace shutterseal::transport {

struct CurlClose {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct MultiClose {
  void operator()(CURLM* multi) const { static_cast<void>(curl_multi_cleanup(multi)); }
};
using Multi = std::unique_ptr<CURLM, MultiClose>;
using Handle = std::unique_ptr<CURL, CurlClose>;
using List = std::unique_ptr<curl_slist, ListFree>;

template <class T>
void set(CURL* handle, CURLoption option, T value) {
  const auto code = curl_easy_setopt(handle, option, value);
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK) throw Error(ErrorKind::internal, std::string("libcurl refuses an option: ") + curl_easy_strerror(code));
}

inline void append(List& list, const std::string& text) {
  auto* longer = curl_slist_append(list.get(), text.c_str());
  if (!longer) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

// curl_easy_perform() of libcurl 7.88 sleeps up to a second between the server's answer to EPSV, or to AUTH, and its next step: what TLS has
// decrypted already is no event for its poll. A loop that looks again after a few milliseconds does not care.
inline CURLcode perform_ftp(CURLM* multi, CURL* handle) {
  static constexpr int kLookAgainMs = 5;
  if (curl_multi_add_handle(multi, handle) != CURLM_OK) throw Error(ErrorKind::internal, "libcurl refuses a transfer");
  int running = 0;
  do {
    if (curl_multi_perform(multi, &running) != CURLM_OK) break;
    if (running != 0) static_cast<void>(curl_multi_poll(multi, nullptr, 0, kLookAgainMs, nullptr));
  } while (running != 0);
  int left = 0;
  const auto* message = curl_multi_info_read(multi, &left);
  const auto code = message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
  curl_multi_remove_handle(multi, handle);
  return code;
}

inline void start_library() {
  static const auto code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw Error(ErrorKind::internal, std::string("libcurl does not start: ") + curl_easy_strerror(code));
}

}  // namespace shutterseal::transport
