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

inline void start_library() {
  static const auto code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw Error(ErrorKind::internal, std::string("libcurl does not start: ") + curl_easy_strerror(code));
}

}  // namespace shutterseal::transport
