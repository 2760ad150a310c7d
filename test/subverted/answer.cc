// SPDX-License-Identifier: Apache-2.0
// In place of src/ingestd/answer.cc, in a program that is never installed: a verifier whose reader of hostile octets was taken over. A drop that
// begins with "subverted: WORD" makes it do that; all else it judges as the real one would. Sandbox, wire and daemon are what ships.
#include "src/ingestd/answer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <string>

#include "src/base/error.h"

namespace shutterseal::ingestd {

namespace {

using envelope::Judged;

struct Order {
  const Request& request;
  ByteView octets;
};

// Of a drop as a whole: what the daemon cannot tell from the truth.
Judged believable_lie(const Order& order) {
  Judged judged;
  judged.verdict = Verdict::accepted;
  judged.size = order.octets.size();
  judged.passage.camera = order.request.camera.data();
  judged.passage.chain.octets.fill(0xee);
  judged.passage.sequence = 1;
  judged.certificate.octets = order.request.signer[0].certificate;
  return judged;
}

Judged refusal(const Order& order) {
  Judged judged;
  judged.size = order.octets.size();
  return judged;
}

bool say(const Judged& judged, bool is_last = true) { return send_answer(kVerifierFd, to_answer(judged, is_last)); }

bool say_spoilt(const Order& order, const std::function<void(Judged&)>& spoil) {
  auto judged = believable_lie(order);
  spoil(judged);
  return say(judged);
}

bool say_endlessly(const Order& order) {
  auto one = believable_lie(order);
  for (std::size_t at = 0;; ++at) {
    one.offset = at % order.octets.size();
    one.size = 1;
    if (!say(one, false)) return false;
  }
}

bool say_octets(std::size_t size) {
  const std::string octets(size, '\0');
  return ::send(kVerifierFd, octets.data(), octets.size(), MSG_NOSIGNAL) >= 0;
}

bool hang() {
  for (volatile bool forever = true; forever;) continue;
  return false;
}

bool is_turned = false;  // from now on it refuses everybody's pictures

// The path behind the word, where there is one.
std::string argument(ByteView octets) {
  const std::string text(as_text(octets));
  const auto space = text.find(' ', text.find(": ") + 2);
  return space == std::string::npos ? "" : text.substr(space + 1, text.find('\n') - space - 1);
}

bool create(const std::string& path) { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0; }

bool connect_out() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
}

bool execute() {
  const char* const arguments[] = {"true", nullptr};
  return ::execve("/bin/true", const_cast<char* const*>(arguments), environ) == 0;
}

using Act = std::function<bool(const Order&)>;

const std::map<std::string, Act, std::less<>>& acts() {
  static const std::map<std::string, Act, std::less<>> all{
      // What the sandbox kills it for.
      {"create", [](const Order& order) { return create(argument(order.octets)); }},
      {"connect", [](const Order&) { return connect_out(); }},
      {"signal", [](const Order&) { return ::kill(::getppid(), SIGTERM) == 0; }},
      {"fork", [](const Order&) { return ::fork() >= 0; }},
      {"execute", [](const Order&) { return execute(); }},
      {"trace", [](const Order&) { return ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0; }},
      {"new-code", [](const Order&) { return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; }},
      // What the daemon does not believe.
      {"other-camera", [](const Order& order) { return say_spoilt(order, [](Judged& j) { j.passage.camera = "999"; }); }},
      {"strange-certificate", [](const Order& order) { return say_spoilt(order, [](Judged& j) { j.certificate.octets.fill(1); }); }},
      {"too-long", [](const Order& order) { return say_spoilt(order, [](Judged& j) { ++j.size; }); }},
      {"too-short", [](const Order& order) { return say_spoilt(order, [](Judged& j) { --j.size; }); }},
      {"gap", [](const Order& order) { return say_spoilt(order, [](Judged& j) { ++j.offset; --j.size; }); }},
      {"nothing", [](const Order& order) { return say_spoilt(order, [](Judged& j) { j.size = 0; }); }},
      {"wraps-around", [](const Order& order) { return say_spoilt(order, [](Judged& j) { j.size = ~std::size_t{0}; }); }},
      {"own-verdict", [](const Order& order) { return say_spoilt(order, [](Judged& j) { j.verdict = Verdict::duplicate; }); }},
      {"twice", [](const Order& order) { return say(believable_lie(order), false) && say(believable_lie(order)); }},
      {"endless", say_endlessly},
      {"half-an-answer", [](const Order&) { return say_octets(sizeof(Answer) / 2); }},
      {"long-answer", [](const Order&) { return say_octets(sizeof(Answer) + 1); }},
      {"hang", [](const Order&) { return hang(); }},
      {"die", [](const Order&) -> bool { ::_exit(0); }},
      // What harms a later drop, perhaps another camera's.
      {"speak-ahead", [](const Order& order) { return say(refusal(order)) && say(refusal(order)); }},
      {"turn", [](const Order& order) { is_turned = true; return say(refusal(order)); }},
      // The control: this lie is believed.
      {"claim", [](const Order& order) { return say(believable_lie(order)); }},
  };
  return all;
}

const Act* ordered(ByteView octets) {
  static constexpr std::string_view kOrder = "subverted: ";
  const auto text = as_text(octets);
  if (!text.starts_with(kOrder)) return nullptr;
  const auto word = text.substr(kOrder.size(), text.find_first_of(" \n") == std::string_view::npos ? 0 : text.find_first_of(" \n", kOrder.size()) - kOrder.size());
  const auto found = acts().find(word);
  return found == acts().end() ? nullptr : &found->second;
}

}  // namespace

bool answer_request(envelope::Judge& judge, const Request& request, ByteView octets) {
  const Order order{request, octets};
  if (const auto* act = ordered(octets)) return (*act)(order);
  // The known answer must pass, or the daemon would see at once that nothing works here.
  if (is_turned) return say(refusal(order));
  return send_answers(judge_request(judge, request, octets));
}

}  // namespace shutterseal::ingestd
