// SPDX-License-Identifier: Apache-2.0
// What libcurl is told before each transfer: whom to trust, as whom to log in, how long to wait.
#include <algorithm>

#include "src/base/file.h"
#include "src/transport/impl.h"

namespace shutterseal::transport {

static constexpr long kUploadBuffer = 2L * 1024 * 1024;  // libcurl waits for the acknowledgement of each buffer: 64 KiB means 11 times more waits
static constexpr std::size_t kLargestPem = 64 * 1024;

extern "C" {

static int note_socket(void* user, curl_socket_t socket, curlsocktype) {
  static_cast<LineGuard*>(user)->opened(socket);
  return CURL_SOCKOPT_OK;
}

static int drop_socket(void* user, curl_socket_t socket) {
  return static_cast<LineGuard*>(user)->close(socket);
}

}  // extern "C"

static long whole_seconds(std::int64_t ms) { return static_cast<long>(std::max<std::int64_t>(1, (ms + 999) / 1000)); }

void Connection::Impl::prepare_sftp(const Target& to, const std::string& path) {
  auto* h = handle.get();
  set(h, CURLOPT_URL, ("sftp://" + to.host + ":" + std::to_string(to.port) + "/~" + to.path + path).c_str());
  set(h, CURLOPT_PROTOCOLS_STR, "sftp");
  set(h, CURLOPT_SSH_AUTH_TYPES, static_cast<long>(CURLSSH_AUTH_AGENT));
  // libcurl trusts any host when asked for nothing: no pin, no connection.
  SHUTTERSEAL_BUG_UNLESS(pin < settings.host_key_pins.size());
  set(h, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, settings.host_key_pins[pin].substr(settings.host_key_pins[pin].find(':') + 1).c_str());
}

// Once a connection, not once a transfer: a new password counts from the next connection on.
void Connection::Impl::read_credentials(const Target& to) {
  if (!to.is_ftps()) return;
  password = read_secret_file(settings.password_file);
  if (settings.client_certificate_file.empty()) return;
  client_certificate = read_file(settings.client_certificate_file, kLargestPem);
  auto key = read_guarded_file(settings.client_key_file, kLargestPem, Secrecy::secret);
  client_key = Secret(as_text(key));
  wipe(key.data(), key.size());
}

static void set_blob(CURL* h, CURLoption option, ByteView bytes) {
  curl_blob blob{const_cast<std::uint8_t*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
  set(h, option, &blob);
}

// Explicit TLS (RFC 4217) on both channels or nothing at all; whoever the system trusts is not asked, the bundle's authorities alone are.
void Connection::Impl::prepare_ftps(const Target& to, const std::string& path) {
  auto* h = handle.get();
  SHUTTERSEAL_BUG_UNLESS(!settings.tls_authorities_pem.empty());
  set(h, CURLOPT_URL, ("ftp://" + to.host + ":" + std::to_string(to.port) + to.path + path).c_str());
  set(h, CURLOPT_PROTOCOLS_STR, "ftp");
  set(h, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  set(h, CURLOPT_FTPSSLAUTH, static_cast<long>(CURLFTPAUTH_TLS));
  set(h, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(h, CURLOPT_SSL_VERIFYPEER, 1L);
  set(h, CURLOPT_SSL_VERIFYHOST, 2L);
  set(h, CURLOPT_CAINFO, nullptr);
  set(h, CURLOPT_CAPATH, nullptr);
  set_blob(h, CURLOPT_CAINFO_BLOB, as_bytes(settings.tls_authorities_pem));
  if (!settings.client_certificate_file.empty()) {
    set_blob(h, CURLOPT_SSLCERT_BLOB, client_certificate);
    set_blob(h, CURLOPT_SSLKEY_BLOB, as_bytes(client_key.view()));
  }
  set(h, CURLOPT_PASSWORD, password.c_str());
  set(h, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_NOCWD));  // one command a file, and none that the server need not allow
  set(h, CURLOPT_FTP_SKIP_PASV_IP, 1L);                                    // the data go where the control went, whatever the server says
  set(h, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);                               // no SIZE before a fetch
}

void Connection::Impl::prepare(const Target& to, const std::string& path) {
  auto* h = handle.get();
  curl_easy_reset(h);  // keeps the connection
  set(h, CURLOPT_PROXY, "");  // the environment decides nothing
  set(h, CURLOPT_USERNAME, (to.user.empty() ? settings.user : to.user).c_str());
  if (to.is_ftps()) {
    prepare_ftps(to, path);
  } else {
    prepare_sftp(to, path);
  }
  set(h, CURLOPT_NOSIGNAL, 1L);
  set(h, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer would hold whoever closes the handle
  set(h, CURLOPT_TCP_NODELAY, 1L);
  set(h, CURLOPT_TCP_KEEPALIVE, 1L);
  const auto after = to.is_ftps() ? 0L : static_cast<long>(kAfterMs);  // LineGuard comes first
  set(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout_ms) + after);
  set(h, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.total_timeout_ms) + after);
  set(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(h, CURLOPT_LOW_SPEED_TIME, to.is_ftps() ? whole_seconds(settings.stall_timeout_ms) : 0);  // SFTP is acknowledged in pieces of 30,000 octets
  set(h, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  if (settings.bandwidth != 0) set(h, CURLOPT_MAX_SEND_SPEED_LARGE, static_cast<curl_off_t>(settings.bandwidth));
  set(h, CURLOPT_NOPROGRESS, 0L);
  set(h, CURLOPT_SOCKOPTFUNCTION, note_socket);
  set(h, CURLOPT_SOCKOPTDATA, &guard);
  set(h, CURLOPT_CLOSESOCKETFUNCTION, drop_socket);
  set(h, CURLOPT_CLOSESOCKETDATA, &guard);
}

}  // namespace shutterseal::transport
