// SPDX-License-Identifier: Apache-2.0
#include "src/transport/ftp_probe.h"

#include <array>
#include <cstring>

#include "src/transport/curl_option.h"

namespace shutterseal::transport {

static constexpr std::size_t kLongestDialogue = 64 * 1024;
static constexpr long kAtMostTls11 = 5L << 16;  // CURL_SSLVERSION_MAX_TLSv1_1, which does not fit into its own enumeration

extern "C" {

static std::size_t take_line(char* line, std::size_t size, std::size_t count, void* user) {
  auto& dialogue = *static_cast<std::string*>(user);
  const auto length = size * count;
  if (dialogue.size() + length <= kLongestDialogue) dialogue.append(line, length);
  return length;
}

static std::size_t count_octets(char*, std::size_t size, std::size_t count, void* user) {
  *static_cast<std::uint64_t*>(user) += size * count;
  return size * count;
}

// One octet, then the end.
static std::size_t give_one(char* out, std::size_t, std::size_t, void* user) {
  auto& left = *static_cast<std::size_t*>(user);
  if (left == 0) return 0;
  *out = 'x';
  return left--;
}

}  // extern "C"

static void set_tls(CURL* h, const FtpQuestion& question) {
  using Tls = FtpQuestion::Tls;
  set(h, CURLOPT_USE_SSL, static_cast<long>(question.tls == Tls::both ? CURLUSESSL_ALL : question.tls == Tls::control_only ? CURLUSESSL_CONTROL : CURLUSESSL_NONE));
  set(h, CURLOPT_FTPSSLAUTH, static_cast<long>(CURLFTPAUTH_TLS));
  set(h, CURLOPT_SSL_VERIFYPEER, question.check_certificate ? 1L : 0L);
  set(h, CURLOPT_SSL_VERIFYHOST, question.check_certificate ? 2L : 0L);
  if (!question.tls_authority_file.empty()) set(h, CURLOPT_CAINFO, question.tls_authority_file.c_str());
  if (!question.client_certificate_file.empty()) {
    set(h, CURLOPT_SSLCERT, question.client_certificate_file.c_str());
    set(h, CURLOPT_SSLKEY, question.client_key_file.c_str());
  }
  if (question.tls_most == 11) {
    set(h, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1} | kAtMostTls11);
    set(h, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0");  // this side must not be the one that refuses
  }
}

static void set_transfer(CURL* h, const FtpQuestion& question, std::size_t& left, std::uint64_t& received) {
  using Then = FtpQuestion::Then;
  set(h, CURLOPT_WRITEFUNCTION, count_octets);
  set(h, CURLOPT_WRITEDATA, &received);
  set(h, CURLOPT_NOBODY, question.then == Then::nothing ? 1L : 0L);
  if (question.then == Then::store) {
    set(h, CURLOPT_UPLOAD, 1L);
    set(h, CURLOPT_APPEND, question.append ? 1L : 0L);
    set(h, CURLOPT_READFUNCTION, give_one);
    set(h, CURLOPT_READDATA, &left);
    set(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(left));
  }
}

FtpAnswer ask_ftp(const FtpQuestion& question) {
  start_library();
  const Multi multi(curl_multi_init());
  const Handle handle(curl_easy_init());
  if (!multi || !handle) throw std::bad_alloc();
  auto* h = handle.get();
  const bool v6 = question.host.find(':') != std::string::npos;
  const auto url = "ftp://" + (v6 ? "[" + question.host + "]" : question.host) + ":" + std::to_string(question.port) + "/" +
                   (question.then == FtpQuestion::Then::nothing ? "" : question.path);
  std::array<char, CURL_ERROR_SIZE> text{};
  FtpAnswer answer;
  std::size_t left = 1;
  List commands;
  for (const auto& command : question.commands) append(commands, command);
  set(h, CURLOPT_URL, url.c_str());
  set(h, CURLOPT_PROTOCOLS_STR, "ftp");
  set(h, CURLOPT_PROXY, "");
  set(h, CURLOPT_NOSIGNAL, 1L);
  set(h, CURLOPT_ERRORBUFFER, text.data());
  set(h, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_NOCWD));
  set(h, CURLOPT_FTP_SKIP_PASV_IP, 1L);
  set(h, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);  // no SIZE: its refusal is no answer to the question
  set(h, CURLOPT_USERNAME, question.user.c_str());
  set(h, CURLOPT_PASSWORD, question.password.c_str());
  set(h, CURLOPT_TIMEOUT_MS, static_cast<long>(question.timeout_ms));
  set(h, CURLOPT_HEADERFUNCTION, take_line);
  set(h, CURLOPT_HEADERDATA, &answer.dialogue);
  if (!question.from.empty()) set(h, CURLOPT_INTERFACE, ("host!" + question.from).c_str());
  if (commands) set(h, CURLOPT_QUOTE, commands.get());
  set_tls(h, question);
  set_transfer(h, question, left, answer.received);
  const auto code = perform_ftp(multi.get(), h);
  answer.granted = code == CURLE_OK;
  answer.connected = !answer.dialogue.empty();
  answer.login_refused = code == CURLE_LOGIN_DENIED;
  answer.detail = text[0] != '\0' ? text.data() : curl_easy_strerror(code);
  return answer;
}

}  // namespace shutterseal::transport
